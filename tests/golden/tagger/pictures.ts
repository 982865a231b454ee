/** The pictures of the cases as their PNG files decode: with an alpha channel where their mode has one. */

import { dirname, join } from "node:path";
import { loadImage } from "../../../src/images/load.ts";
import type { Pixels } from "../../../src/images/pixels.ts";
import type { GoldenCase } from "../case.ts";
import { drawn } from "../prepare/pictures.ts";

interface Given {
  readonly w: number;
  readonly h: number;
  readonly seed: number;
  readonly smooth?: boolean;
  readonly mode?: "RGB" | "RGBA" | "L" | "P" | "LA";
}

export async function taggerPicture(c: GoldenCase, name: string, given: Given): Promise<Pixels> {
  const { mode = "RGB", w: width, h: height } = given;
  if (mode === "P") return await loadImage(join(dirname(c.path), `${name}.png`));
  const { data } = drawn({ ...given, mode: mode === "RGBA" || mode === "LA" ? "RGBA" : "RGB" });
  if (mode === "RGB" || mode === "RGBA") {
    return { width, height, channels: mode === "RGB" ? 3 : 4, data };
  }
  // grey is the green of the rule
  const channels = mode === "LA" ? 4 : 3;
  const grey = data.map((value, i) => i % channels === 3 ? value : data[i - i % channels + 1]);
  return { width, height, channels, data: grey };
}
