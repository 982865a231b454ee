/** cv2.resize(..., INTER_NEAREST_EXACT): the pixel that lies under each point, in fixed point. */

import type { Pixels } from "../pixels.ts";

const FRACTION = 65536;

export function resizeNearest(image: Pixels, width: number, height: number): Pixels {
  const { channels, data } = image, columns = places(image.width, width), rows = places(image.height, height);
  const out = new Uint8Array(width * height * channels);
  let at = 0;
  for (const y of rows) {
    for (const x of columns) {
      const from = (y * image.width + x) * channels;
      for (let c = 0; c < channels; c++) out[at++] = data[from + c];
    }
  }
  return { width, height, channels, data: out };
}

function places(from: number, to: number): number[] {
  const step = Math.floor((from * FRACTION + Math.floor(to / 2)) / to),
    start = Math.floor(step / 2) - from % 2;
  return Array.from({ length: to }, (_, i) => Math.min(Math.floor((step * i + start) / FRACTION), from - 1));
}
