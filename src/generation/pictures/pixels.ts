/** Between pictures in bytes and the values in [-1, 1] that the autoencoder knows. */

import type { Pixels } from "../../images/pixels.ts";

/** x / 2 + 1/2, held in [0, 1], times 255, rounded half to even: (H, W, 3) values to bytes. */
export function toBytes(values: Float32Array): Uint8Array {
  const out = new Uint8Array(values.length);
  for (let i = 0; i < out.length; i++) {
    const unit = Math.min(1, Math.max(0, Math.fround(values[i] / 2 + 0.5)));
    const scaled = Math.fround(unit * 255), floor = Math.floor(scaled), rest = scaled - floor;
    out[i] = rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
  }
  return out;
}

/** 2 x / 255 - 1: an RGB picture as (H, W, 3) values. */
export function fromBytes({ data }: Pixels): Float32Array {
  return Float32Array.from(data, (byte) => 2 * Math.fround(byte / 255) - 1);
}
