/** A grid as one picture with its labels, in letters of the browser, so that names of any script are right. */

import type { Grid } from "../../../draw/shown.ts";

/** Browsers draw no larger side. */
const MOST_SIDE = 8192;

const GAP = 8, LETTERS = 20, MOST_LABEL = 320, INK = "#1a1e26", PAPER = "#ffffff";

/** `load` gives the picture of a cell; null leaves its place empty. Throws what keeps the browser from drawing it. */
export async function gridPng(
  { x, y, width, height, cells }: Grid,
  load: (name: string) => Promise<ImageBitmap | null>,
): Promise<Blob> {
  const canvas = document.createElement("canvas"), context = canvas.getContext("2d")!;
  const font = `${LETTERS}px ${getComputedStyle(document.body).fontFamily}`;
  context.font = font;
  const widest = Math.max(...y.labels.map((label) => context.measureText(label).width));
  const left = Math.min(MOST_LABEL, Math.ceil(widest)) + 2 * GAP, top = LETTERS + 2 * GAP;
  const columns = x.labels.length, rows = y.labels.length;
  const scale = Math.min(
    1,
    (MOST_SIDE - left - columns * GAP) / (columns * width),
    (MOST_SIDE - top - rows * GAP) / (rows * height),
  );
  const cell = {
    width: Math.max(1, Math.floor(width * scale)),
    height: Math.max(1, Math.floor(height * scale)),
  };
  canvas.width = left + columns * (cell.width + GAP);
  canvas.height = top + rows * (cell.height + GAP);
  context.fillStyle = PAPER;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.fillStyle = INK;
  context.font = font;
  context.textBaseline = "middle";
  const atX = (column: number) => left + column * (cell.width + GAP),
    atY = (row: number) => top + row * (cell.height + GAP);
  context.textAlign = "center";
  x.labels.forEach((label, i) =>
    context.fillText(cut(context, label, cell.width), atX(i) + cell.width / 2, top / 2)
  );
  context.textAlign = "right";
  y.labels.forEach((label, i) =>
    context.fillText(cut(context, label, left - 2 * GAP), left - GAP, atY(i) + cell.height / 2)
  );
  for (const [row, names] of cells.entries()) {
    for (const [column, name] of names.entries()) {
      const picture = await load(name);
      if (picture) context.drawImage(picture, atX(column), atY(row), cell.width, cell.height);
      picture?.close();
    }
  }
  return await new Promise((resolve, reject) =>
    canvas.toBlob(
      (blob) => blob ? resolve(blob) : reject(new Error("the grid is too large for this browser")),
      "image/png",
    )
  );
}

/** What fits, the end of a long name first: there stands the epoch. */
function cut(context: CanvasRenderingContext2D, label: string, width: number): string {
  if (context.measureText(label).width <= width) return label;
  const letters = [...label];
  while (letters.length > 1 && context.measureText(`…${letters.join("")}`).width > width) letters.shift();
  return `…${letters.join("")}`;
}
