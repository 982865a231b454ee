/**
 * The two streams. Results go to standard output, everything about the work to standard error. This is the one mouth
 * of the program: whatever leaves through it is visible text (screen.ts), but for what moves the progress bar.
 */

import { exitNow } from "../../../ffi/exit.ts";
import { UserError } from "../../base/errors.ts";
import { oneLine, visible } from "./screen.ts";

const encoder = new TextEncoder();

/**
 * Writes a line to standard output. A reader that went away (`| head`) ends the program quietly; throws UserError where
 * the disk refuses.
 */
export function print(line: string): void {
  try {
    writeAllSync(Deno.stdout, encoder.encode(visible(line) + "\n"));
  } catch (error) {
    if (error instanceof Deno.errors.BrokenPipe) exitNow(0);
    const reason = (error as Error).message;
    throw new UserError(`standard output cannot be written (${reason}); free space or send it elsewhere`, {
      cause: error,
    });
  }
}

/** The same for a reader that may go away before the work ends: false when it has. */
export function tryPrint(line: string): boolean {
  try {
    writeAllSync(Deno.stdout, encoder.encode(visible(line) + "\n"));
    return true;
  } catch {
    return false;
  }
}

/** Writes one line to standard error. */
export function printErrorLine(line: string): void {
  printError(oneLine(line) + "\n");
}

/** Writes lines to standard error. */
export function printError(text: string): void {
  moveCursor(visible(text));
}

/** Writes to standard error what may move the cursor; when nobody can read it, nobody misses it. */
export function moveCursor(text: string): void {
  try {
    writeAllSync(Deno.stderr, encoder.encode(text));
  } catch { /* closed */ }
}

function writeAllSync(stream: { writeSync(p: Uint8Array): number }, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length;) done += stream.writeSync(bytes.subarray(done));
}

/** 75 -> "1:15", 3675 -> "1:01:15". */
export function durationText(seconds: number): string {
  const s = Math.max(0, Math.round(seconds));
  const two = (x: number) => String(x).padStart(2, "0");
  return s < 3600
    ? `${Math.floor(s / 60)}:${two(s % 60)}`
    : `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;
}
