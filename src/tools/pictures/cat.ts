/** Pictures of a cat's face: few, large and flat parts, each wide enough for a latent pixel of its own. */

import type { PythonRandom } from "../../random/mod.ts";
import { box, Canvas, circle, ellipse, polygon, type Rgb, type Shape, union } from "./canvas.ts";
import { article, COLOURS, drawPicture, pick, type Picture, shade, somewhere } from "./scenes.ts";

const INK: Rgb = [20, 18, 20],
  CREAM: Rgb = [250, 242, 230],
  NOSE: Rgb = [235, 85, 120],
  EAR: Rgb = [245, 160, 175];

/** Furs by their captions' word, each with the colour of its stripes. */
const FURS: Readonly<Record<string, readonly [Rgb, Rgb]>> = {
  orange: [[243, 150, 55], [175, 80, 20]],
  grey: [[150, 150, 155], [85, 85, 92]],
  black: [[48, 45, 52], [22, 20, 25]],
  white: [[245, 243, 240], [190, 185, 180]],
  brown: [[150, 100, 60], [85, 50, 25]],
};
const EYES: readonly Rgb[] = [[252, 225, 80], [140, 225, 120]];

/** The mixture that the built-in model goes on with: a cat in three of ten, else what it knows. */
export function drawWithCats(random: PythonRandom, size: number): Picture {
  return random.random() < 0.3 ? drawCat(random, size) : drawPicture(random, size);
}

/** One cat with its caption, which does not always tell all; `size` pixels wide and high. */
export function drawCat(random: PythonRandom, size: number): Picture {
  const fur = pick(random, Object.keys(FURS));
  const back = pick(random, Object.keys(COLOURS).filter((name) => name !== fur));
  const canvas = new Canvas(size, size, shade(random, back));
  const at = (middle: number) => size * (middle + somewhere(random, -0.03, 0.03));
  paintCat(canvas, fur, pick(random, EYES), at(0.5), at(0.53), size * somewhere(random, 0.82, 0.94));
  const told = random.random(), on = `on ${article(back)} background`;
  const caption = told < 0.6
    ? `${article(fur)} cat ${on}`
    : told < 0.75
    ? `a cat ${on}`
    : told < 0.9
    ? "a cat"
    : `${article(fur)} cat`;
  return { canvas, caption };
}

/** Paints a cat's face with its middle at (x, y), `u` pixels from whisker to whisker. */
function paintCat(canvas: Canvas, fur: string, eye: Rgb, x: number, y: number, u: number): void {
  const [coat, stripe] = FURS[fur];
  const both = (part: (dx: (share: number) => number) => Shape): Shape =>
    union(part((share) => x - share * u), part((share) => x + share * u));
  const dy = (share: number) => y + share * u;
  const triangle = (...points: [number, number][]) =>
    both((dx) => polygon(points.map(([a, b]) => [dx(a), dy(b)] as const)));
  canvas.paint(triangle([0.45, 0.02], [0.42, -0.5], [0.06, -0.25]), coat);
  canvas.paint(triangle([0.39, -0.13], [0.375, -0.41], [0.14, -0.25]), EAR);
  canvas.paint(ellipse(x, dy(0.04), u * 0.46, u * 0.38), coat);
  for (const share of [-0.13, 0, 0.13]) {
    canvas.paint(box(x + share * u, dy(-0.27), u * 0.034, u * 0.085), stripe);
  }
  canvas.paint(ellipse(x, dy(0.23), u * 0.22, u * 0.17), CREAM);
  canvas.paint(both((dx) => circle(dx(0.2), dy(-0.04), u * 0.14)), eye);
  canvas.paint(both((dx) => ellipse(dx(0.2), dy(-0.04), u * 0.065, u * 0.105)), INK);
  canvas.paint(polygon([[x - u * 0.09, dy(0.12)], [x + u * 0.09, dy(0.12)], [x, dy(0.225)]]), NOSE);
  canvas.paint(box(x, dy(0.27), u * 0.02, u * 0.06), INK);
  for (const tilt of [-1, 1]) {
    const near = 0.2 + tilt * 0.02, far = 0.19 + tilt * 0.085;
    canvas.paint(
      triangle([0.25, near - 0.005], [0.56, far - 0.02], [0.56, far + 0.02], [0.25, near + 0.015]),
      INK,
    );
  }
}
