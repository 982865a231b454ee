/** Positional reads of one file: what every reader of big files here stands on. */

import { UserError } from "../base/errors.ts";
import { kindBesidesFile } from "../base/files/regular_file.ts";
import { whyNotOpened } from "./what_file.ts";

/** An open file of known size. Reads are synchronous, so moving the position and reading cannot be torn apart. */
export class FileReader {
  readonly path: string;
  readonly size: number;
  #file: Deno.FsFile | null;

  /** Throws UserError when there is no readable regular file at `path`. `what` says what the file should be. */
  constructor(path: string, what: string) {
    this.path = path;
    try {
      const stat = Deno.statSync(path);
      const kind = kindBesidesFile(stat);
      if (kind !== null) throw new UserError(`${path}: is ${kind}; give the path of a ${what}`);
      this.size = stat.size;
      this.#file = Deno.openSync(path, { read: true });
    } catch (cause) {
      if (cause instanceof UserError) throw cause;
      throw new UserError(`${path}: ${whyNotOpened(path, cause)}; give the path of a readable ${what}`, {
        cause,
      });
    }
  }

  /** `length` bytes from `offset`, in a buffer of their own. Throws UserError when the file ends before. */
  read(offset: number, length: number): Uint8Array<ArrayBuffer> {
    return this.readInto(offset, new Uint8Array(length));
  }

  /** Fills `into` from `offset` and returns it. Throws UserError when the file ends before. */
  readInto<T extends Uint8Array>(offset: number, into: T): T {
    if (this.#file === null) throw new TypeError(`${this.path} is closed`);
    if (offset < 0 || offset + into.length > this.size) this.#short(offset + into.length);
    this.#file.seekSync(offset, Deno.SeekMode.Start);
    for (let done = 0; done < into.length;) {
      let count: number | null;
      try {
        count = this.#file.readSync(into.subarray(done));
      } catch (cause) {
        throw new UserError(`${this.path}: cannot be read (${(cause as Error).message}); check the disk`, {
          cause,
        });
      }
      if (!count) this.#short(offset + into.length);
      done += count!;
    }
    return into;
  }

  close(): void {
    this.#file?.close();
    this.#file = null;
  }

  #short(needed: number): never {
    throw new UserError(
      `${this.path}: ends at byte ${this.size}, its contents need ${needed}; it is cut off, copy it again`,
    );
  }
}
