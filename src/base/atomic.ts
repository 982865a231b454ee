/** Whole files or none: written beside the target, synced, then renamed over it. */

import { UserError } from "./errors.ts";

/** Names of files being written now, so that an interrupted process can remove them. */
const unfinished = new Set<string>();

/**
 * Calls `write` with a new file beside `path`, syncs it and renames it to `path`. When anything fails the old
 * `path` is untouched and the temporary is gone. Throws UserError naming the path and the cause.
 */
export function atomicWrite(path: string, write: (file: Deno.FsFile) => void): void {
  const temporary = temporaryOf(path);
  try {
    const file = Deno.openSync(temporary, NEW);
    try {
      write(file);
      file.syncDataSync();
    } finally {
      file.close();
    }
    Deno.renameSync(temporary, path);
  } catch (cause) {
    throw undone(path, temporary, cause);
  } finally {
    unfinished.delete(temporary);
  }
}

/** The same for a `write` that waits now and then. */
export async function atomicWriteSlowly(
  path: string,
  write: (file: Deno.FsFile) => Promise<void>,
): Promise<void> {
  const temporary = temporaryOf(path);
  try {
    const file = Deno.openSync(temporary, NEW);
    try {
      await write(file);
      file.syncDataSync();
    } finally {
      file.close();
    }
    Deno.renameSync(temporary, path);
  } catch (cause) {
    throw undone(path, temporary, cause);
  } finally {
    unfinished.delete(temporary);
  }
}

const NEW = { write: true, create: true, truncate: true };

function temporaryOf(path: string): string {
  const temporary = `${path}.${Deno.pid}.tmp`;
  unfinished.add(temporary);
  return temporary;
}

/** Removes the temporary; the error to throw. */
function undone(path: string, temporary: string, cause: unknown): UserError {
  try {
    Deno.removeSync(temporary);
  } catch { /* it may never have existed */ }
  if (cause instanceof UserError) return cause;
  return new UserError(
    `${path}: cannot be written (${reason(cause)}); free space or choose another folder`,
    { cause },
  );
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

/** Removes the temporaries of writes that did not finish: called once when the process is told to stop. */
export function removeUnfinished(): void {
  for (const path of unfinished) {
    try {
      Deno.removeSync(path);
    } catch { /* already gone */ }
  }
}

function reason(cause: unknown): string {
  return cause instanceof Error ? cause.message.split("\n")[0] : String(cause);
}
