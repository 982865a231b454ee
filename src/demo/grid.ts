/** Pictures side by side in one PNG. */

import { loadImage } from "../images/load.ts";
import type { Pixels } from "../images/pixels.ts";
import { encodePng } from "../images/png_file.ts";
import { lettering, lineHeight, wrapped } from "./lettering.ts";

export interface GridRow {
  /** Picture files of one size. */
  readonly pictures: readonly string[];
  /** Stands before the row. */
  readonly label?: string;
  /** Stand above the pictures. */
  readonly captions?: readonly string[];
}

const GAP = 4, ENLARGE = 2, LETTERS = 2;
const WHITE = 255, INK = 40;

/** The rows one below the other as a PNG's bytes, each picture enlarged twice, on white. */
export async function pictureGrid(rows: readonly GridRow[]): Promise<Uint8Array> {
  const first = await loadImage(rows[0].pictures[0]);
  const cell = { width: first.width * ENLARGE, height: first.height * ENLARGE };
  const columns = Math.max(...rows.map(({ pictures }) => pictures.length));
  const margin = Math.max(0, ...rows.map(({ label = "" }) => lettering(label, LETTERS).width));
  const left = GAP + (margin > 0 ? margin + GAP : 0);

  let height = GAP;
  const tops = rows.map(({ captions = [] }) => {
    const lines = Math.max(0, ...captions.map((text) => wrapped(text, cell.width, LETTERS).length));
    const top = { captions: height, pictures: height + lines * lineHeight(LETTERS) };
    height = top.pictures + cell.height + GAP;
    return top;
  });
  const page = blank(left + columns * (cell.width + GAP), height);
  for (const [r, { pictures, label = "", captions = [] }] of rows.entries()) {
    const middle = tops[r].pictures + (cell.height - lineHeight(LETTERS)) / 2;
    write(page, label, GAP, middle);
    for (const [c, path] of pictures.entries()) {
      const x = left + c * (cell.width + GAP);
      wrapped(captions[c] ?? "", cell.width, LETTERS)
        .forEach((line, i) => write(page, line, x, tops[r].captions + i * lineHeight(LETTERS)));
      paste(page, await loadImage(path), x, tops[r].pictures);
    }
  }
  return encodePng(page);
}

interface Page {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

function blank(width: number, height: number): Page {
  return { width, height, data: new Uint8Array(width * height * 3).fill(WHITE) };
}

function paste(page: Page, image: Pixels, left: number, top: number): void {
  for (let y = 0; y < image.height * ENLARGE; y++) {
    for (let x = 0; x < image.width * ENLARGE; x++) {
      const from = (Math.floor(y / ENLARGE) * image.width + Math.floor(x / ENLARGE)) * 3;
      page.data.set(image.data.subarray(from, from + 3), ((top + y) * page.width + left + x) * 3);
    }
  }
}

function write(page: Page, text: string, left: number, top: number): void {
  const { width, height, ink } = lettering(text, LETTERS);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (ink(x, y)) {
        page.data.fill(
          INK,
          ((top + y) * page.width + left + x) * 3,
          ((top + y) * page.width + left + x) * 3 + 3,
        );
      }
    }
  }
}
