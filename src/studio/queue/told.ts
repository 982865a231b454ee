/** The last that a job has said: the end of its events, read without the rest. */

import { openFile } from "../../base/files/regular_file.ts";

/** A line of --json (docs/automation.md), unchecked beyond being an object. */
export type ToldEvent = Readonly<Record<string, unknown>> & { readonly event: string };

/** An error's line is at most some kilobytes; of steps some hundred lines are enough for their speed. */
const TAIL_BYTES = 64 << 10;

/** Oldest first; what is no event is passed over, and so is the line that is cut by where the reading begins. */
export function lastEvents(path: string): ToldEvent[] {
  const text = tailOf(path, TAIL_BYTES);
  return text === null ? [] : text.split("\n").map(eventOf).filter((event) => event !== null);
}

export function eventOf(line: string): ToldEvent | null {
  if (!line.startsWith("{")) return null;
  try {
    const event = JSON.parse(line);
    return typeof event.event === "string" ? event : null;
  } catch {
    return null;
  }
}

/** The last bytes of a file as text, from the beginning of a line on; null where there is no file. */
function tailOf(path: string, most: number): string | null {
  try {
    using file = openFile(path);
    const { size } = file.statSync(), from = Math.max(0, size - most);
    file.seekSync(from, Deno.SeekMode.Start);
    const bytes = new Uint8Array(size - from);
    let got = 0;
    for (let n = 0; got < bytes.length && (n = file.readSync(bytes.subarray(got)) ?? 0) > 0;) got += n;
    const text = new TextDecoder().decode(bytes.subarray(0, got));
    return from === 0 ? text : text.slice(text.indexOf("\n") + 1);
  } catch {
    return null;
  }
}
