/** Pictures side by side in one PNG. */

import { loadImage } from "../data/images/load.ts";
import { encodePng } from "../formats/png.ts";

const GAP = 4, ENLARGE = 2;

/** Rows of picture files of one size -> a PNG's bytes, each picture enlarged twice, on white. */
export async function pictureGrid(rows: readonly (readonly string[])[]): Promise<Uint8Array> {
  const first = await loadImage(rows[0][0]);
  const [cellWidth, cellHeight] = [first.width * ENLARGE, first.height * ENLARGE];
  const columns = Math.max(...rows.map((row) => row.length));
  const width = columns * (cellWidth + GAP) + GAP, height = rows.length * (cellHeight + GAP) + GAP;
  const pixels = new Uint8Array(width * height * 3).fill(255);
  for (const [r, row] of rows.entries()) {
    for (const [c, path] of row.entries()) {
      const image = await loadImage(path);
      for (let y = 0; y < cellHeight; y++) {
        for (let x = 0; x < cellWidth; x++) {
          const from = (Math.floor(y / ENLARGE) * image.width + Math.floor(x / ENLARGE)) * 3;
          const to = ((GAP + r * (cellHeight + GAP) + y) * width + GAP + c * (cellWidth + GAP) + x) * 3;
          pixels.set(image.data.subarray(from, from + 3), to);
        }
      }
    }
  }
  return encodePng({ width, height, data: pixels });
}
