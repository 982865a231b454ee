/** A caption as it lies on the disk, and as a person edits it. */

import { createHash } from "node:crypto";
import { UserError } from "../../../base/errors.ts";
import { fileBytes } from "../../../base/files/regular_file.ts";
import { bytesText } from "../../../base/bytes.ts";
import { HOW_TO_LIFT, limit } from "../../../base/limits.ts";
import { decodeLines } from "../../../formats/text_file.ts";

/** More than any text encoder reads of a caption, by far. */
const MOST_BYTES = 256 * 1024;

/** What a caption file holds; null where there is none. */
export type CaptionBytes = Uint8Array<ArrayBuffer> | null;

export interface CaptionState {
  /** Lines end with "\n", the last one with none; null where there is no file, or none that can be read. */
  readonly text: string | null;
  /** Of the bytes: whoever changes them says which he has read. */
  readonly version: string;
  /** Why the file is no caption, in one line. */
  readonly problem: string | null;
}

/** Of a picture that has no caption file. */
export const NO_CAPTION: CaptionState = { text: null, version: "none", problem: null };

/** Throws UserError for what cannot be read. */
export function captionBytes(path: string): CaptionBytes {
  try {
    const { size } = Deno.statSync(path);
    if (size > limit(MOST_BYTES)) {
      throw new UserError(`${path}: has ${bytesText(size)}, which is no caption; ${HOW_TO_LIFT}`);
    }
    return fileBytes(path);
  } catch (cause) {
    if (cause instanceof UserError) throw cause;
    if (cause instanceof Deno.errors.NotFound) return null;
    throw new UserError(`${path}: cannot be read (${(cause as Error).message}); mend its permissions`, {
      cause,
    });
  }
}

export function captionState(path: string): CaptionState {
  let bytes: CaptionBytes;
  try {
    bytes = captionBytes(path);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { text: null, version: "unread", problem: error.message };
  }
  return stateOf(bytes, path);
}

/** What bytes say; `path` is where they lie. */
export function stateOf(bytes: CaptionBytes, path: string): CaptionState {
  if (bytes === null) return NO_CAPTION;
  const version = versionOf(bytes);
  try {
    return { text: decodeLines(bytes), version, problem: null };
  } catch {
    return { text: null, version, problem: `${path}: is not UTF-8 text; save it as UTF-8` };
  }
}

function versionOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex").slice(0, 20);
}

export function sameBytes(a: CaptionBytes, b: CaptionBytes): boolean {
  if (a === null || b === null) return a === b;
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
