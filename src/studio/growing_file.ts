/** Files that are written to meanwhile. */

import { openFile } from "../base/files/regular_file.ts";

export interface FilePart {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Where in the file it lies. */
  readonly from: number;
  readonly end: number;
}

/**
 * What a file holds from byte `at` on, `most` bytes of it: the first ones, or with `last` the last ones. Null where that is
 * nothing, or there is no file.
 */
export function readOn(path: string, at: number, most: number, { last = false } = {}): FilePart | null {
  try {
    using file = openFile(path);
    const { size } = file.statSync();
    if (size <= at) return null;
    const from = last ? Math.max(at, size - most) : at, bytes = new Uint8Array(Math.min(most, size - from));
    file.seekSync(from, Deno.SeekMode.Start);
    let got = 0;
    for (let n = 0; got < bytes.length && (n = file.readSync(bytes.subarray(got)) ?? 0) > 0;) got += n;
    return got === 0 ? null : { bytes: bytes.subarray(0, got), from, end: from + got };
  } catch {
    return null;
  }
}

/** At once; more comes with the next call. */
const PIECE = 8 << 20;

/** A file read from where the last reading ended, `most` bytes at a time; with `last` only the end of what is new. */
export class GrowingFile {
  #at = 0;
  /** Whether something was passed over before what more() gave. */
  skipped = false;

  constructor(
    private readonly path: string,
    private readonly options: { readonly most?: number; readonly last?: boolean } = {},
  ) {}

  /** What is new, or null. */
  more(): Uint8Array<ArrayBuffer> | null {
    const piece = readOn(this.path, this.#at, this.options.most ?? PIECE, this.options);
    this.skipped = piece !== null && piece.from > this.#at;
    this.#at = piece?.end ?? this.#at;
    return piece?.bytes ?? null;
  }
}
