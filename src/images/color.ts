/** The colour changes of --color_aug, in OpenCV's 8-bit arithmetic. */

import type { Pixels } from "./pixels.ts";

/** A shift of the hue in half degrees (0 to 180), or an exponent on the byte values. */
export type ColorChange = { readonly hue: number } | { readonly gamma: number };

/** Changes red, green and blue; alpha stays. */
export function changeColor(image: Pixels, change: ColorChange): Pixels {
  const data = image.data.slice();
  if ("gamma" in change) {
    const table = Uint8Array.from({ length: 256 }, (_, x) => Math.min(255, Math.trunc(x ** change.gamma)));
    for (let i = 0; i < data.length; i++) if (image.channels === 3 || i % 4 !== 3) data[i] = table[data[i]];
  } else for (let i = 0; i < data.length; i += image.channels) shiftHue(data, i, change.hue);
  return { ...image, data };
}

/**
 * cvtColor(BGR2HSV), h = (h + shift) % 180 cut to a byte, cvtColor(HSV2BGR). The reference hands its RGB images over as
 * BGR; hues only turn the other way round.
 */
function shiftHue(data: Uint8Array, at: number, shift: number): void {
  const b = data[at], g = data[at + 1], r = data[at + 2];
  const v = Math.max(b, g, r), difference = v - Math.min(b, g, r);
  const s = (difference * SATURATION[v] + 2048) >> 12;
  const turn = v === r ? g - b : v === g ? b - r + 2 * difference : r - g + 4 * difference;
  let h = (turn * HUE[difference] + 2048) >> 12;
  if (h < 0) h += 180;
  h = Math.trunc((h + shift) % 180);
  const sixth = f32(h * f32(6 / 180)), sector = Math.floor(sixth) % 6, rest = f32(sixth - Math.floor(sixth));
  const value = f32(v * f32(1 / 255)), sat = f32(s * f32(1 / 255));
  // 1 - sat * x is one fused operation in OpenCV's vector code: the product is not rounded
  const levels = [1, f32(1 - sat), f32(1 - sat * rest), f32(1 - sat * f32(1 - rest))];
  const byte = (level: number) => Math.trunc(f32(f32(value * levels[level]) * 255)); // vector code cuts off
  const [ib, ig, ir] = SECTORS[sector];
  data[at] = byte(ib);
  data[at + 1] = byte(ig);
  data[at + 2] = byte(ir);
}

const f32 = Math.fround;

/** Which level blue, green and red take in each sixth of the circle. */
const SECTORS = [[1, 3, 0], [1, 0, 2], [3, 0, 1], [0, 2, 1], [0, 1, 3], [2, 1, 0]];
const SATURATION = Int32Array.from({ length: 256 }, (_, i) => i === 0 ? 0 : Math.round((255 << 12) / i));
const HUE = Int32Array.from({ length: 256 }, (_, i) => i === 0 ? 0 : Math.round((180 << 12) / (6 * i)));
