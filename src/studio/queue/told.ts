/** The last that a job has said: the end of its events, read without the rest. */

import { readOn } from "../growing_file.ts";

/** A line of --json (docs/automation.md), unchecked beyond being an object. */
export type ToldEvent = Readonly<Record<string, unknown>> & { readonly event: string };

/** An error's line is at most some kilobytes; of steps some hundred lines are enough for their speed. */
const TAIL_BYTES = 64 << 10;

/** Holds how a job ended and some of its steps, as a rule: a first look goes over thousands of jobs. */
const SHORT_BYTES = 4 << 10;

/** Oldest first; what is no event is passed over, and so is the line that is cut by where the reading begins. */
export function lastEvents(path: string, most = TAIL_BYTES): ToldEvent[] {
  const tail = readOn(path, 0, most, { last: true });
  if (tail === null) return [];
  const [first, ...lines] = new TextDecoder().decode(tail.bytes).split("\n");
  return [...tail.from === 0 ? [first] : [], ...lines].map(eventOf).filter((event) => event !== null);
}

/** The same of a job that has ended: fewer, but the last steps are among them. */
export function lastWords(path: string): ToldEvent[] {
  const few = lastEvents(path, SHORT_BYTES), steps = few.filter(({ event }) => event === "step");
  return steps.length > 1 ? few : lastEvents(path);
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
