/** Faces that a detector found, from a file: boxes and eyes of each picture. */

import { UserError } from "../../../base/errors.ts";
import { readJson } from "../../../formats/json.ts";

/** Of the 28 points of anime-face-detector. */
const RIGHT_EYE = 11, LEFT_EYE = 19;
const LEAST_SCORE = Math.fround(0.9);

/** In whole pixels. */
export interface Face {
  readonly centreX: number;
  readonly centreY: number;
  readonly width: number;
  readonly height: number;
  /** From the right eye to the left one, degrees. */
  readonly angle: number;
}

export type Detections = ReadonlyMap<string, readonly Face[]>;

const REMEDY =
  'give {"NAME.png": [{"bbox": [left, top, right, bottom, score], "right_eye": [x, y], "left_eye": [x, y]}]}';

/** Faces by the picture's file name, the largest first; those with a score below 0.9 are left out. Throws UserError. */
export function readDetections(path: string): Detections {
  const parsed = readJson(path, REMEDY);
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) {
    throw new UserError(`${path}: is no object of pictures; ${REMEDY}`);
  }
  return new Map(
    Object.entries(parsed).map(([name, found]) => [name, facesOf(found, `${path}: ${JSON.stringify(name)}`)]),
  );
}

function facesOf(found: unknown, at: string): Face[] {
  if (!Array.isArray(found)) throw new UserError(`${at}: is no list of faces; ${REMEDY}`);
  return largestFirst(found.flatMap((face, i) => faceOf(face, `${at}, face ${i + 1}`)));
}

/** The largest first. */
export function largestFirst(faces: Face[]): Face[] {
  return faces.sort((a, b) => Math.max(b.width, b.height) - Math.max(a.width, a.height));
}

/** Numbers are rounded to float32 as a detector gives them. */
function faceOf(given: unknown, at: string): Face[] {
  const face = (given ?? {}) as Record<string, unknown>, points = face.keypoints as unknown[] | undefined;
  const [left, top, right, bottom, score] = numbers(face.bbox, 5, `${at}: bbox`);
  if (score < LEAST_SCORE) return [];
  const [rightX, rightY] = numbers(face.right_eye ?? points?.[RIGHT_EYE], 2, `${at}: right_eye`);
  const [leftX, leftY] = numbers(face.left_eye ?? points?.[LEFT_EYE], 2, `${at}: left_eye`);
  const f32 = Math.fround;
  return [{
    centreX: Math.trunc(f32(left + right) / 2),
    centreY: Math.trunc(f32(top + bottom) / 2),
    width: Math.trunc(f32(right - left)),
    height: Math.trunc(f32(bottom - top)),
    angle: Math.atan2(f32(leftY - rightY), f32(leftX - rightX)) / Math.PI * 180,
  }];
}

function numbers(given: unknown, count: number, at: string): number[] {
  const found = Array.isArray(given) ? given.slice(0, count) : [];
  if (found.length === count && found.every((x) => typeof x === "number" && Number.isFinite(x))) {
    return found.map(Math.fround);
  }
  throw new UserError(`${at} is not ${count} numbers; ${REMEDY}`);
}
