/** A file that is written to meanwhile, read from where the last reading ended. */

import { openFile } from "../../base/files/regular_file.ts";

/** At once; more comes with the next call. */
const PIECE = 8 << 20;

export class GrowingFile {
  #at = 0;

  constructor(private readonly path: string) {}

  /** What is new, or null. */
  more(): Uint8Array<ArrayBuffer> | null {
    try {
      using file = openFile(this.path);
      const { size } = file.statSync();
      if (size <= this.#at) return null;
      file.seekSync(this.#at, Deno.SeekMode.Start);
      const bytes = new Uint8Array(Math.min(PIECE, size - this.#at));
      const got = file.readSync(bytes) ?? 0;
      this.#at += got;
      return got === 0 ? null : bytes.subarray(0, got);
    } catch {
      return null;
    }
  }
}
