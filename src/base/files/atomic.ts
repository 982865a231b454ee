/**
 * Whole files or none: written beside the target, synced, then renamed over it. Where the target is a link, what it
 * points to is replaced, as every program that opens a file for writing would; the temporary itself is new, so nothing
 * is ever written through a link that somebody put in its place. No device is replaced, which whoever may write to
 * /dev would lose to a link that leads there.
 */

import { UserError } from "../errors.ts";
import { finished, type Temporary, temporaryFile } from "./temporary.ts";
import { throughLinks } from "./links.ts";
import { refuseToReplace } from "./regular_file.ts";

/**
 * Calls `write` with a new file beside `path`, syncs it and renames it to `path`. When anything fails the old
 * `path` is untouched and the temporary is gone. Throws UserError naming the path and the cause.
 */
export function atomicWrite(path: string, write: (file: Deno.FsFile) => void): void {
  using draft = new Draft(path);
  draft.attempt(() => write(draft.file));
  draft.finish();
}

/** The same for a `write` that waits now and then. */
export async function atomicWriteSlowly(
  path: string,
  write: (file: Deno.FsFile) => Promise<void>,
): Promise<void> {
  using draft = new Draft(path);
  await write(draft.file).catch((cause) => draft.fail(cause));
  draft.finish();
}

/** A file on its way; disposing of one that is not finished removes it. */
class Draft {
  #target!: string;
  #temporary!: Temporary;
  #finished = false;

  constructor(private readonly path: string) {
    this.attempt(() => {
      this.#target = throughLinks(path);
      refuseToReplace(this.#target, path);
      this.#temporary = temporaryFile(this.#target);
    });
  }

  get file(): Deno.FsFile {
    return this.#temporary.file;
  }

  finish(): void {
    this.attempt(() => {
      this.file.syncDataSync();
      Deno.renameSync(this.#temporary.path, this.#target);
      this.#finished = true;
    });
  }

  attempt(work: () => void): void {
    try {
      work();
    } catch (cause) {
      this.fail(cause);
    }
  }

  fail(cause: unknown): never {
    throw cause instanceof UserError ? cause : new UserError(
      `${this.path}: cannot be written (${reason(cause)}); free space or choose another folder`,
      { cause },
    );
  }

  [Symbol.dispose](): void {
    if (!this.#finished) {
      try {
        Deno.removeSync(this.#temporary.path);
      } catch { /* a second signal may have removed it */ }
    }
    finished(this.#temporary);
  }
}

/** Writes bytes or text atomically. */
export function atomicWriteFile(path: string, data: Uint8Array | string): void {
  const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
  atomicWrite(path, (file) => writeAll(file, bytes));
}

/** Deno's writeSync may write less than asked. */
export function writeAll(file: Deno.FsFile, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length;) done += file.writeSync(bytes.subarray(done));
}

function reason(cause: unknown): string {
  return cause instanceof Error ? cause.message.split("\n")[0] : String(cause);
}
