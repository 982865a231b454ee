/** The frame that --debug draws around a face, to the pixel as cv2.rectangle does. */

import type { Pixels } from "../../../images/pixels.ts";

/** Magenta, into the picture itself; corners may lie outside. */
export function drawRectangle(
  image: Pixels,
  x0: number,
  y0: number,
  x1: number,
  y1: number,
  thickness: number,
): void {
  const half = thickness <= 1 ? 0 : Math.floor((thickness + 1) / 2);
  for (const y of [y0, y1]) for (let dy = -half; dy <= half; dy++) row(image, y + dy, x0, x1);
  for (let y = y0; y <= y1; y++) for (const x of [x0, x1]) row(image, y, x - half, x + half);
  for (const x of [x0, x1]) for (const y of [y0, y1]) disc(image, x, y, half);
}

/** Bresenham's circle, filled, with OpenCV's choice of pixels. */
function disc(image: Pixels, x: number, y: number, radius: number): void {
  let error = 0, dx = radius, dy = 0, plus = 1, minus = 2 * radius - 1;
  while (dx >= dy) {
    for (const sign of [-1, 1]) {
      row(image, y + sign * dy, x - dx, x + dx);
      row(image, y + sign * dx, x - dy, x + dy);
    }
    dy++;
    error += plus;
    plus += 2;
    if (error <= 0) continue;
    error -= minus;
    dx--;
    minus -= 2;
  }
}

function row({ width, height, channels, data }: Pixels, y: number, from: number, to: number): void {
  if (y < 0 || y >= height) return;
  for (let x = Math.max(0, from); x <= Math.min(width - 1, to); x++) {
    const at = (y * width + x) * channels;
    data[at] = data[at + 2] = 255;
    data[at + 1] = 0;
  }
}
