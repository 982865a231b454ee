/** Edges that the gallery's ControlNet follows, each with what is asked for beside them. */

import { preprocessNamed } from "../../src/generation/techniques/control/preprocess.ts";
import type { Pixels } from "../../src/images/pixels.ts";
import { below, box, Canvas, ellipse, type Rgb } from "../../src/tools/pictures/canvas.ts";
import { SHAPES } from "../../src/tools/pictures/scenes.ts";

export const SIDE = 128;

const DARK: Rgb = [60, 60, 60], MIDDLE: Rgb = [140, 140, 140], LIGHT: Rgb = [220, 220, 220];

interface Guide {
  readonly prompt: string;
  paint(canvas: Canvas): void;
}

/** By the names of their files. Nothing lies where the prompt alone would have it. */
export const GUIDES: Readonly<Record<string, Guide>> = {
  edges_moon: {
    prompt: "a yellow moon on a purple background",
    paint: (canvas) => canvas.paint(SHAPES.moon(40, 40, 26), LIGHT),
  },
  edges_pair: {
    prompt: "a red circle next to a green square on a white background",
    paint(canvas) {
      canvas.paint(SHAPES.circle(36, 36, 20), LIGHT);
      canvas.paint(SHAPES.square(92, 90, 20), LIGHT);
    },
  },
  edges_tree: {
    prompt: "a green tree by day with a sun",
    paint(canvas) {
      canvas.paint(below(() => 92), MIDDLE);
      canvas.paint(box(84, 82, 6, 20), LIGHT);
      canvas.paint(ellipse(84, 46, 26, 28), LIGHT);
    },
  },
};

/** With the thresholds that src/tools/edges learns with. */
export function guideEdges({ paint }: Guide): Pixels {
  const canvas = new Canvas(SIDE, SIDE, DARK);
  paint(canvas);
  return preprocessNamed("canny_15_40")({ ...canvas, channels: 3, data: Uint8Array.from(canvas.pixels) });
}

/** How many of a guide's edge pixels have one of the picture's within two pixels, 0 to 1. */
export function followed(edges: Pixels, picture: Pixels): number {
  const drawn = preprocessNamed("canny_40_100")(picture), near = [-2, -1, 0, 1, 2];
  const isEdge = ({ data }: Pixels, x: number, y: number) =>
    x >= 0 && x < SIDE && data[3 * (y * SIDE + x)] > 0;
  let all = 0, found = 0;
  for (let y = 0; y < SIDE; y++) {
    for (let x = 0; x < SIDE; x++) {
      if (!isEdge(edges, x, y)) continue;
      all++;
      if (near.some((v) => near.some((u) => isEdge(drawn, x + u, y + v)))) found++;
    }
  }
  return found / all;
}
