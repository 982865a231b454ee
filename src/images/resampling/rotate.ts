/** Turning a picture about a point, as OpenCV 5 does it: bilinear in float32, mirrored beyond the border. */

import type { Pixels } from "../pixels.ts";

/** cv2.warpAffine with getRotationMatrix2D, INTER_LINEAR and BORDER_REFLECT; degrees against the clock. */
export function rotate(image: Pixels, degrees: number, centreX: number, centreY: number): Pixels {
  const { width, height, channels: c, data } = image, turn = degrees * Math.PI / 180;
  const cos = Math.cos(turn), sin = Math.sin(turn), out = new Uint8Array(data.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      // the inverse turn: where the pixel comes from
      const sourceX = Math.fround(cos * (x - centreX) - sin * (y - centreY) + centreX);
      const sourceY = Math.fround(sin * (x - centreX) + cos * (y - centreY) + centreY);
      const left = Math.floor(sourceX), top = Math.floor(sourceY), a = sourceX - left, b = sourceY - top;
      const columns = [mirrored(left, width) * c, mirrored(left + 1, width) * c];
      const rows = [mirrored(top, height) * width * c, mirrored(top + 1, height) * width * c];
      for (let k = 0; k < c; k++) {
        const upper = data[rows[0] + columns[0] + k] * (1 - a) + data[rows[0] + columns[1] + k] * a;
        const lower = data[rows[1] + columns[0] + k] * (1 - a) + data[rows[1] + columns[1] + k] * a;
        out[(y * width + x) * c + k] = Math.round(upper * (1 - b) + lower * b);
      }
    }
  }
  return { ...image, data: out };
}

/** Beyond the border the pixels come back, the last one twice. */
function mirrored(at: number, length: number): number {
  const period = 2 * length, within = ((at % period) + period) % period;
  return within < length ? within : period - 1 - within;
}
