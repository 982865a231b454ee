/** A text that grows: its end, then what is added to it. */

import { openFile } from "../../base/files/regular_file.ts";

/** What a page shows of a log at first; more than that at once is passed over. */
const MOST_BYTES = 64 << 10;

export class LogReader {
  #at: number | null = null;
  readonly #decoder = new TextDecoder();

  constructor(private readonly path: string) {}

  /** What is new since the last call; of much only the end. */
  more(): string {
    try {
      using file = openFile(this.path);
      const { size } = file.statSync(), before = this.#at, from = Math.max(before ?? 0, size - MOST_BYTES);
      if (size <= from) return "";
      file.seekSync(from, Deno.SeekMode.Start);
      const bytes = new Uint8Array(size - from), got = file.readSync(bytes) ?? 0;
      this.#at = from + got;
      const text = this.#decoder.decode(bytes.subarray(0, got), { stream: true });
      return from === (before ?? 0) ? text : text.slice(text.indexOf("\n") + 1);
    } catch {
      return "";
    }
  }
}
