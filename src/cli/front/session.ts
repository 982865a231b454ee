/** What is known about this call of the program, for whoever has to report how it ended. */

import type { EventPrinter } from "../screen/events.ts";

export interface ProgramCall {
  readonly argv: readonly string[];
  /** "easel", then "easel COMMAND": begins every line of error. */
  title: string;
  /** Lines that a launcher's options gave rise to. */
  notes: readonly string[];
  /** With --json. */
  events: EventPrinter | null;
}
