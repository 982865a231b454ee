/** What writes captions: BLIP and GIT, behind one face. */

import { UsageError } from "../../base/errors.ts";
import type { ClipPixels } from "../../images/clip_pixels.ts";
import { besideWeights } from "../../models/beside.ts";
import { bertVocabulary, readVocabulary } from "../../text/bert/mod.ts";

export interface Captioner {
  /** How it takes a picture. */
  readonly sees: ClipPixels;
  /** The captions of several. */
  caption(pictures: readonly Float32Array[]): Promise<string[]>;
  close(): void;
}

/** The model's own vocabulary where vocab.txt lies beside it, else bert-base-uncased, whose size both published models have. */
export async function vocabularyFor(path: string): Promise<string[]> {
  const file = besideWeights(path, "vocab.txt");
  return file === null ? await bertVocabulary() : readVocabulary(file);
}

/** Throws UsageError for texts longer than the model knows places. */
export function checkMaxLength(maxLength: number, positions: number, path: string): void {
  if (maxLength <= positions) return;
  throw new UsageError(
    `--max_length ${maxLength}: ${path} writes at most ${positions} tokens; give ${positions} or less`,
  );
}

/** Lengths of programs: a step up is a new program, a step too high is work for nothing. */
const LENGTHS = 16;

/** Rows of one length with places behind them, and where each ends: what the text models take. */
export function paddedRows(rows: readonly (readonly number[])[], positions: number) {
  const written = rows[0].length, length = Math.min(positions, Math.ceil(written / LENGTHS) * LENGTHS);
  const ids = new Int32Array(rows.length * length);
  rows.forEach((row, i) => ids.set(row, i * length));
  return { length, ids, last: Int32Array.from(rows, (_, i) => i * length + written - 1) };
}

export function joinedPictures(pictures: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(pictures.reduce((n, picture) => n + picture.length, 0));
  let at = 0;
  for (const picture of pictures) {
    all.set(picture, at);
    at += picture.length;
  }
  return all;
}
