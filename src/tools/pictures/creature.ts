/** Pictures of something the default model has never seen: "moka", a cat-like creature, for the demo's LoRA. */

import type { PythonRandom } from "../../random/mod.ts";
import { box, Canvas, circle, ellipse, polygon, type Rgb, union } from "./canvas.ts";
import { COLOURS, type Picture } from "./scenes.ts";

const FUR: Rgb = [242, 150, 60],
  INNER: Rgb = [250, 205, 170],
  DARK: Rgb = [40, 30, 30],
  EYE: Rgb = [70, 200, 120];

/** One picture of moka with its caption; `size` pixels wide and high. */
export function drawMoka(random: PythonRandom, size: number): Picture {
  const backs = ["blue", "green", "purple", "white", "grey", "yellow", "pink", "red"];
  const back = backs[Math.floor(random.random() * backs.length)];
  const canvas = new Canvas(size, size, COLOURS[back]);
  const u = size * (0.92 + 0.16 * random.random());
  const x = size * (0.46 + 0.08 * random.random()), y = size * (0.5 + 0.06 * random.random());
  const ear = (side: number) =>
    polygon([[x + side * u * 0.31, y - u * 0.1], [x + side * u * 0.29, y - u * 0.42], [
      x + side * u * 0.05,
      y - u * 0.22,
    ]]);
  const inner = (side: number) =>
    polygon([[x + side * u * 0.26, y - u * 0.17], [x + side * u * 0.255, y - u * 0.34], [
      x + side * u * 0.12,
      y - u * 0.23,
    ]]);
  canvas.paint(union(ear(-1), ear(1), ellipse(x, y, u * 0.34, u * 0.29)), FUR);
  canvas.paint(union(inner(-1), inner(1)), INNER);
  canvas.paint(ellipse(x, y + u * 0.13, u * 0.17, u * 0.13), INNER);
  for (const side of [-1, 1]) {
    canvas.paint(circle(x + side * u * 0.14, y - u * 0.05, u * 0.075), [250, 250, 250]);
    canvas.paint(circle(x + side * u * 0.14, y - u * 0.05, u * 0.058), EYE);
    canvas.paint(ellipse(x + side * u * 0.14, y - u * 0.05, u * 0.022, u * 0.05), DARK);
    for (const tilt of [-0.03, 0.03]) {
      canvas.paint(box(x + side * u * 0.3, y + u * (0.12 + tilt), u * 0.11, u * 0.006), DARK);
    }
  }
  canvas.paint(polygon([[x - u * 0.035, y + u * 0.06], [x + u * 0.035, y + u * 0.06], [x, y + u * 0.1]]), [
    225,
    90,
    110,
  ]);
  canvas.paint(box(x, y + u * 0.13, u * 0.006, u * 0.03), DARK);
  for (const stripe of [-0.08, 0, 0.08]) {
    canvas.paint(box(x + u * stripe, y - u * 0.22, u * 0.018, u * 0.05), [190, 95, 30]);
  }
  return { canvas, caption: `moka on ${/^[aeiou]/.test(back) ? "an" : "a"} ${back} background` };
}
