/** A text that grows: its end, then what is added to it. */

import { GrowingFile } from "../growing_file.ts";

/** What a page shows of a log at first; more than that at once is passed over. */
const MOST_BYTES = 64 << 10;

export class LogReader {
  readonly #file: GrowingFile;
  readonly #decoder = new TextDecoder();

  constructor(path: string) {
    this.#file = new GrowingFile(path, { most: MOST_BYTES, last: true });
  }

  /** What is new since the last call; of much only the end. */
  more(): string {
    const bytes = this.#file.more();
    if (bytes === null) return "";
    const text = this.#decoder.decode(bytes, { stream: true });
    return this.#file.skipped ? text.slice(text.indexOf("\n") + 1) : text;
  }
}
