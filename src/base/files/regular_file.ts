/**
 * Opening by name only what is a file: a pipe without a writer would be waited for within the system, where not even
 * Ctrl-C is heard, and a device may have no end. A pipe that the user made for this call, as in `--from_file <(...)`
 * or /dev/stdin, is read to its end.
 */

import { UserError } from "../errors.ts";

/** A path that leads to a folder, pipe, device or socket: `message` names it and says which. */
export class NoFile extends UserError {
  override name = "NoFile";
}

/** "a folder", "a pipe", "a device" or "a socket"; null for a file. */
export function kindBesidesFile(stat: Deno.FileInfo): string | null {
  if (stat.isFile) return null;
  if (stat.isDirectory) return "a folder";
  if (stat.isFifo) return "a pipe";
  return stat.isSocket ? "a socket" : "a device";
}

/** Whether a path is that of a pipe that is open already. */
export function isOpenPipe(path: string): boolean {
  return /^\/(dev|proc)\//.test(path) && Deno.statSync(path).isFifo === true;
}

/** Whether opening for writing would wait for a reader, where not even Ctrl-C is heard. */
export function wouldWait(path: string): boolean {
  try {
    return Deno.statSync(path).isFifo === true && !isOpenPipe(path);
  } catch {
    return false; // there is nothing, or opening says what is wrong
  }
}

/** Throws NoFile, or what Deno throws where there is nothing at all. */
export function refuseIrregular(path: string): void {
  const kind = kindBesidesFile(Deno.statSync(path));
  if (kind !== null) throw new NoFile(`${path}: is ${kind}; a file is wanted`);
}

/**
 * Throws NoFile where a device or a folder stands at `target`; `path` is its name for the user. A pipe or a socket is
 * a name and holds nothing.
 */
export function refuseToReplace(target: string, path = target): void {
  let found: Deno.FileInfo;
  try {
    found = Deno.statSync(target);
  } catch {
    return; // there is nothing, or writing says what is wrong
  }
  const kind = kindBesidesFile(found);
  if (kind !== null) {
    throw new NoFile(`${path}: is ${kind}, which is not replaced; move it or give another name`);
  }
}

/** Opens a file for reading. Throws NoFile, or what Deno throws. */
export function openFile(path: string): Deno.FsFile {
  refuseIrregular(path);
  return Deno.openSync(path, { read: true });
}

/** All bytes of a file. Throws NoFile, or what Deno throws. */
export function fileBytes(path: string): Uint8Array<ArrayBuffer> {
  if (!isOpenPipe(path)) refuseIrregular(path);
  return Deno.readFileSync(path);
}

/** The same as text; what is no UTF-8 comes as U+FFFD. */
export function fileText(path: string): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(fileBytes(path));
}
