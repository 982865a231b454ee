/** Cuts around the face that a file's name tells of, as detect_face_rotate writes them (sd-scripts, crop_target()). */

import { basename, extname } from "node:path";
import type { PythonRandom } from "../../random/mod.ts";
import type { SubsetParams } from "../dataset/params.ts";
import type { Size } from "./buckets.ts";

/** In pixels of the picture. */
export interface NamedFace {
  readonly centre: Size;
  /** The longer side of its box. */
  readonly side: number;
}

/** The face of `NAME_X_Y_WIDTH_HEIGHT.png`, X and Y its middle; null where the name ends otherwise or says there is none. */
export function faceNamed(path: string): NamedFace | null {
  const parts = basename(path, extname(path)).split("_").slice(1).slice(-4);
  if (parts.length < 4 || !parts.every((part) => /^\d+$/.test(part))) return null;
  const [x, y, width, height] = parts.map(Number), side = Math.max(width, height);
  return x > 0 && side > 0 ? { centre: [x, y], side } : null;
}

/** Whether a picture of `size` has more than `target` and nothing less. */
export function coversMore([width, height]: Size, target: Size): boolean {
  return width >= target[0] && height >= target[1] && (width > target[0] || height > target[1]);
}

/** What the picture is scaled to, and where `target` is cut out then. Draws the scale, then the top, then the left. */
export function drawFaceCrop(
  { centre, side }: NamedFace,
  size: Size,
  target: Size,
  { face_crop_aug_range: range, random_crop: anywhere }: SubsetParams,
  random: PythonRandom,
): { scaled: Size; left: number; top: number } {
  const [lower, upper] = range!, short = Math.min(...target);
  const fits = Math.max(target[1] / size[1], target[0] / size[0]);
  const least = Math.min(1, Math.max(fits, short / (side * upper)));
  const most = Math.min(1, Math.max(least, short / (side * lower)));
  const scale = least >= most ? least : random.uniform(least, most);
  const scaled: Size = [rounded(size[0] * scale), rounded(size[1] * scale)];
  const wobbles = lower !== upper && side > Math.floor(short / 10) && side >= 40;
  const start = (axis: 0 | 1) => {
    const face = rounded(centre[axis] * scale), length = scaled[axis];
    let at = face - Math.floor(target[axis] / 2);
    if (anywhere) {
      const reach = Math.max(length - face, face);
      at += random.randint(0, reach) + random.randint(0, reach) - reach;
    } else if (wobbles) at += random.randint(Math.floor(-side / 20), Math.floor(side / 20));
    return Math.max(0, Math.min(at, length - target[axis]));
  };
  const top = start(1);
  return { scaled, left: start(0), top };
}

function rounded(x: number): number {
  return Math.trunc(x + 0.5);
}
