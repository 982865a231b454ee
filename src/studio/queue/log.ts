/** A text that grows: its end, then what is added to it. */

import { readOn } from "../growing_file.ts";

/** What a page shows of a log at first; more than that at once is passed over. */
const MOST_BYTES = 64 << 10;

export class LogReader {
  #at = 0;
  readonly #decoder = new TextDecoder();

  constructor(private readonly path: string) {}

  /** What is new since the last call; of much only the end. */
  more(): string {
    const piece = readOn(this.path, this.#at, MOST_BYTES, { last: true }), before = this.#at;
    if (piece === null) return "";
    this.#at = piece.end;
    const text = this.#decoder.decode(piece.bytes, { stream: true });
    return piece.from === before ? text : text.slice(text.indexOf("\n") + 1);
  }
}
