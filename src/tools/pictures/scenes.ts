/**
 * The pictures the default model learns from: shapes, colours, sizes, positions and simple landscapes, each with a
 * caption that says what is there. A picture is a pure function of the random generator's state.
 */

import type { PythonRandom } from "../../random/mod.ts";
import {
  below,
  box,
  Canvas,
  circle,
  ellipse,
  intersect,
  polygon,
  type Rgb,
  type Shape,
  star,
  subtract,
  union,
} from "./canvas.ts";

export interface Picture {
  readonly canvas: Canvas;
  readonly caption: string;
}

export const COLOURS: Readonly<Record<string, Rgb>> = {
  red: [220, 40, 40],
  green: [40, 160, 60],
  blue: [40, 80, 210],
  yellow: [245, 215, 50],
  orange: [245, 140, 30],
  purple: [130, 50, 170],
  pink: [245, 140, 180],
  white: [245, 245, 245],
  black: [25, 25, 25],
  grey: [135, 135, 135],
  brown: [120, 75, 40],
};

/** Shapes by name, centred at (cx, cy), about `r` in radius. */
export const SHAPES: Readonly<Record<string, (cx: number, cy: number, r: number) => Shape>> = {
  circle: (cx, cy, r) => circle(cx, cy, r),
  square: (cx, cy, r) => box(cx, cy, r * 0.88, r * 0.88),
  triangle: (cx, cy, r) => star(cx, cy + r * 0.2, [r * 1.2], 3),
  star: (cx, cy, r) => star(cx, cy, [r * 1.2, r * 0.5], 10),
  heart: (cx, cy, r) =>
    union(
      circle(cx - r * 0.48, cy - r * 0.3, r * 0.55),
      circle(cx + r * 0.48, cy - r * 0.3, r * 0.55),
      polygon([[cx - r * 0.96, cy - r * 0.04], [cx, cy - r * 0.5], [cx + r * 0.96, cy - r * 0.04], [
        cx,
        cy + r,
      ]]),
    ),
  ring: (cx, cy, r) => subtract(circle(cx, cy, r), circle(cx, cy, r * 0.55)),
  cross: (cx, cy, r) => union(box(cx, cy, r, r * 0.33), box(cx, cy, r * 0.33, r)),
  moon: (cx, cy, r) => subtract(circle(cx, cy, r), circle(cx + r * 0.5, cy - r * 0.2, r * 0.85)),
};

export const pick = <T>(random: PythonRandom, from: readonly T[]): T =>
  from[Math.floor(random.random() * from.length)];
export const somewhere = (random: PythonRandom, low: number, high: number) =>
  low + (high - low) * random.random();

/** Each colour a little lighter or darker than its name's, so that the name is learnt and not one value. */
export function shade(random: PythonRandom, name: string): Rgb {
  const shift = somewhere(random, -14, 14);
  return COLOURS[name].map((v) =>
    Math.min(255, Math.max(0, v + shift + somewhere(random, -6, 6)))
  ) as unknown as Rgb;
}

export const article = (word: string) => `${/^[aeiou]/.test(word) ? "an" : "a"} ${word}`;

const POSITIONS: Readonly<Record<string, readonly [number, number]>> = {
  "on the left": [0.27, 0.5],
  "on the right": [0.73, 0.5],
  "at the top": [0.5, 0.27],
  "at the bottom": [0.5, 0.73],
};

/** One picture with its caption; `size` pixels wide and high. */
export function drawPicture(random: PythonRandom, size: number): Picture {
  const kind = random.random();
  if (kind < 0.5) return single(random, size);
  if (kind < 0.65) return placed(random, size);
  if (kind < 0.82) return pair(random, size);
  return landscape(random, size);
}

function colours(random: PythonRandom, n: number): string[] {
  const names = Object.keys(COLOURS);
  random.shuffle(names);
  return names.slice(0, n);
}

function single(random: PythonRandom, size: number): Picture {
  const [front, back] = colours(random, 2);
  const shape = pick(random, Object.keys(SHAPES));
  const scale = random.random();
  const [word, r] = scale < 0.2
    ? ["small ", somewhere(random, 0.12, 0.17)]
    : scale < 0.4
    ? ["large ", somewhere(random, 0.36, 0.42)]
    : ["", somewhere(random, 0.24, 0.31)];
  const canvas = new Canvas(size, size, shade(random, back));
  const at = () => size * somewhere(random, 0.46, 0.54);
  canvas.paint(SHAPES[shape](at(), at(), size * r), shade(random, front));
  return { canvas, caption: `${article(word + front)} ${shape} on ${article(back)} background` };
}

function placed(random: PythonRandom, size: number): Picture {
  const [front, back] = colours(random, 2);
  const shape = pick(random, Object.keys(SHAPES));
  const where = pick(random, Object.keys(POSITIONS));
  const [px, py] = POSITIONS[where];
  const canvas = new Canvas(size, size, shade(random, back));
  const r = size * somewhere(random, 0.16, 0.21);
  canvas.paint(
    SHAPES[shape](
      size * (px + somewhere(random, -0.03, 0.03)),
      size * (py + somewhere(random, -0.03, 0.03)),
      r,
    ),
    shade(random, front),
  );
  return { canvas, caption: `${article(front)} ${shape} ${where}, ${back} background` };
}

function pair(random: PythonRandom, size: number): Picture {
  const [one, two, back] = colours(random, 3);
  const [first, second] = [pick(random, Object.keys(SHAPES)), pick(random, Object.keys(SHAPES))];
  const stacked = random.random() < 0.5;
  const canvas = new Canvas(size, size, shade(random, back));
  const near = () => size * (0.28 + somewhere(random, -0.03, 0.03));
  const far = () => size * (0.72 + somewhere(random, -0.03, 0.03));
  const middle = () => size * somewhere(random, 0.46, 0.54);
  const r = () => size * somewhere(random, 0.16, 0.2);
  const put = (shape: string, colour: string, at: () => number) => {
    const along = at(), across = middle();
    canvas.paint(
      SHAPES[shape](stacked ? across : along, stacked ? along : across, r()),
      shade(random, colour),
    );
  };
  put(first, one, near);
  put(second, two, far);
  const relation = stacked ? "above" : "next to";
  return {
    canvas,
    caption: `${article(one)} ${first} ${relation} ${article(two)} ${second} on ${article(back)} background`,
  };
}

const DAY: Rgb = [150, 205, 245], NIGHT: Rgb = [22, 28, 70], SUNSET: Rgb = [245, 160, 95];

function landscape(random: PythonRandom, size: number): Picture {
  const time = pick(random, ["day", "night", "sunset"]);
  const sky = time === "day" ? DAY : time === "night" ? NIGHT : SUNSET;
  const canvas = new Canvas(size, size, sky);
  const dim = (c: Rgb): Rgb => time === "night" ? c.map((v) => v * 0.55) as unknown as Rgb : c;
  const u = size;
  const lightX = u * (random.random() < 0.5 ? somewhere(random, 0.15, 0.3) : somewhere(random, 0.7, 0.85));
  if (time === "night") canvas.paint(SHAPES.moon(lightX, u * 0.2, u * 0.1), [240, 240, 215]);
  else canvas.paint(circle(lightX, u * (time === "day" ? 0.2 : 0.42), u * 0.1), [250, 225, 70]);
  const place = pick(random, ["house", "tree", "boat", "mountain"]);
  const ground = u * somewhere(random, 0.68, 0.74);
  const x = u * somewhere(random, 0.42, 0.58);
  if (place === "mountain") {
    const peak: Shape = polygon([[x - u * 0.42, ground], [x, u * 0.22], [x + u * 0.42, ground]]);
    canvas.paint(peak, dim([110, 105, 115]));
    canvas.paint(intersect(peak, (_x, y) => y - u * 0.38), dim([245, 245, 250]));
  }
  const sea = place === "boat";
  canvas.paint(below(() => ground), dim(sea ? [45, 105, 190] : [85, 165, 75]));
  let colour = "";
  if (place === "house") {
    colour = pick(random, ["red", "blue", "orange", "purple", "white"]);
    canvas.paint(box(x, ground - u * 0.14, u * 0.19, u * 0.17), dim([235, 215, 180]));
    canvas.paint(
      polygon([[x - u * 0.25, ground - u * 0.3], [x, ground - u * 0.5], [x + u * 0.25, ground - u * 0.3]]),
      dim(COLOURS[colour]),
    );
    canvas.paint(box(x, ground - u * 0.06, u * 0.05, u * 0.09), dim(COLOURS.brown));
  } else if (place === "tree") {
    colour = pick(random, ["green", "orange", "pink", "yellow"]);
    canvas.paint(box(x, ground - u * 0.1, u * 0.04, u * 0.16), dim(COLOURS.brown));
    canvas.paint(ellipse(x, ground - u * 0.34, u * 0.19, u * 0.2), dim(COLOURS[colour]));
  } else if (place === "boat") {
    colour = pick(random, ["red", "white", "yellow", "purple"]);
    canvas.paint(box(x, ground - u * 0.24, u * 0.012, u * 0.24), dim(COLOURS.brown));
    canvas.paint(
      polygon([[x + u * 0.02, ground - u * 0.48], [x + u * 0.02, ground - u * 0.1], [
        x + u * 0.24,
        ground - u * 0.1,
      ]]),
      dim(COLOURS[colour]),
    );
    canvas.paint(
      polygon([[x - u * 0.26, ground - u * 0.06], [x + u * 0.26, ground - u * 0.06], [
        x + u * 0.16,
        ground + u * 0.07,
      ], [x - u * 0.16, ground + u * 0.07]]),
      dim(COLOURS.brown),
    );
  }
  const what = {
    house: `a house with ${article(colour)} roof`,
    tree: `${article(colour)} tree`,
    boat: `a boat with ${article(colour)} sail on the sea`,
    mountain: "a mountain with snow",
  }[place];
  const light = { day: "by day with a sun", night: "at night with a moon", sunset: "at sunset" }[time];
  return { canvas, caption: `${what} ${light}` };
}
