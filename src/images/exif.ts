/** The one EXIF entry that matters here: which way is up. */

import type { Pixels } from "./pixels.ts";

const ORIENTATION = 0x0112;

/** Orientation, 1 to 8, from a TIFF block (EXIF without the "Exif\0\0" prefix); 1 when absent or damaged. */
export function orientationFromTiff(tiff: Uint8Array): number {
  if (tiff.length < 8) return 1;
  const view = new DataView(tiff.buffer, tiff.byteOffset, tiff.length);
  const order = view.getUint16(0);
  if (order !== 0x4949 && order !== 0x4d4d) return 1;
  const little = order === 0x4949;
  const directory = view.getUint32(4, little);
  if (directory + 2 > tiff.length) return 1;
  const entries = view.getUint16(directory, little);
  for (let i = 0; i < entries; i++) {
    const at = directory + 2 + i * 12;
    if (at + 12 > tiff.length) return 1;
    if (view.getUint16(at, little) !== ORIENTATION) continue;
    const value = view.getUint16(at + 8, little);
    return value >= 1 && value <= 8 ? value : 1;
  }
  return 1;
}

/** Whether width and height change places. */
export function swapsSides(orientation: number): boolean {
  return orientation >= 5;
}

/** Turns and mirrors the stored pixels so that they are seen as the camera meant. */
export function applyOrientation(image: Pixels, orientation: number): Pixels {
  if (orientation <= 1 || orientation > 8) return image;
  const { width: w, height: h, channels: c, data } = image;
  const swap = swapsSides(orientation);
  const width = swap ? h : w, height = swap ? w : h;
  const out = new Uint8Array(data.length);
  // The stored place is linear in x and y, so three corners tell it all.
  const place = (x: number, y: number) => {
    const [sx, sy] = source(orientation, x, y, w, h);
    return (sy * w + sx) * c;
  };
  const start = place(0, 0), stepX = place(1, 0) - start, stepY = place(0, 1) - start;
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0, from = start + y * stepY; x < width; x++, from += stepX) {
      for (let k = 0; k < c; k++) out[to++] = data[from + k];
    }
  }
  return { width, height, channels: c, data: out };
}

/** Where the pixel seen at (x, y) is stored, for stored sides w and h (TIFF 6.0, tag 274). */
function source(orientation: number, x: number, y: number, w: number, h: number): [number, number] {
  switch (orientation) {
    case 2:
      return [w - 1 - x, y];
    case 3:
      return [w - 1 - x, h - 1 - y];
    case 4:
      return [x, h - 1 - y];
    case 5:
      return [y, x];
    case 6:
      return [y, h - 1 - x];
    case 7:
      return [w - 1 - y, h - 1 - x];
    default: // 8
      return [w - 1 - y, x];
  }
}
