/** The pictures of the cases, by the rules that each case repeats. */

import { writePicture } from "../../../src/images/write.ts";
import { writePlain } from "../tool_run.ts";

interface Drawn {
  readonly w: number;
  readonly h: number;
  readonly seed: number;
  readonly smooth?: boolean;
  readonly mode?: "RGB" | "RGBA" | "L";
}

/** A tree's file: a picture, or what writePlain() knows. */
export async function writeGiven(path: string, given: unknown): Promise<void> {
  if (!isDrawn(given)) return writePlain(path, given);
  await writePicture(path, drawn(given));
}

export function isDrawn(given: unknown): given is Drawn {
  return typeof given === "object" && given !== null && "w" in given;
}

/** Grey pictures are the green of the rule. */
export function drawn({ w, h, seed: s, smooth = false, mode = "RGB" }: Drawn) {
  const channels = { L: 1, RGB: 3, RGBA: 4 }[mode];
  const data = new Uint8Array(w * h * channels), div = (a: number, b: number) => Math.floor(a / b);
  for (let y = 0; y < h; y++) {
    for (let x = 0; x < w; x++) {
      let r = (5 * x + 3 * y + 17 * s) % 256, g = (div(x * y, 7) + 29 * s) % 256, b = ((x ^ y) * 3 + s) % 256;
      if (smooth) {
        r = div(255 * x, Math.max(1, w - 1));
        g = div(255 * y, Math.max(1, h - 1));
        b = div((x + y) * (3 + s % 5), 2) % 256;
        const inside = 16 * ((x - div(w, 2)) ** 2 + (y - div(h, 2)) ** 2) < Math.min(w, h) ** 2 * (1 + s % 3);
        if (inside) [r, g] = [255 - r, (g + 40 * s) % 256];
      }
      const a = (div(255 * x, Math.max(1, w - 1)) + s) % 256;
      data.set(mode === "L" ? [g] : [r, g, b, a].slice(0, channels), (y * w + x) * channels);
    }
  }
  return { width: w, height: h, data };
}
