/** A subcommand: what it takes and what it does, as data and one short function. */

import type { JobContext } from "../base/job.ts";
import type { ConfigOf, Group, PathKind, Rows } from "../options/mod.ts";
import type { Source } from "./front/parse.ts";
import type { Need } from "./front/required.ts";

/** What run() gets besides its values. */
export interface CommandInput<V> {
  /** Every flag, typed and in camelCase. */
  readonly values: V;
  /** Whether a flag (sd-scripts' spelling) was given, and where. */
  source(name: string): Source;
  readonly positionals: readonly string[];
}

/** A row of the table of commands: its file, and all that it imports, is only loaded when it is called. */
export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  // deno-lint-ignore no-explicit-any -- each command knows its own values
  load(): Promise<Command<any>>;
}

export interface Command<V = unknown> {
  readonly groups: readonly Group<Rows>[];
  /** Without these it does not start; all that are missing are named at once, and the help begins with them. */
  readonly required?: readonly Need[];
  /** Flags that most people give, for the help. */
  readonly usual?: readonly string[];
  /** Names of the arguments that are no flags; the last may end in "...". */
  readonly positionals?: readonly string[];
  /** A few lines below the usage line of the help. */
  readonly about?: string;
  /** Whole command lines that work as they stand, given the files that they name. */
  readonly examples?: readonly string[];
  /** What the arguments that are no flags lead to, for completion; a list of words for other things. */
  readonly completes?: PathKind | readonly string[];
  /** --json prints the result of this command, and not events. */
  readonly jsonIsResult?: boolean;
  /** Contradictory values, missing files: whatever can be known before a model is loaded. Throws UserError. */
  check?(input: CommandInput<V>): void;
  /** What of the values decides nothing, one line each; called when check() has passed. */
  idle?(input: CommandInput<V>): readonly string[];
  run(input: CommandInput<V>, context: JobContext): Promise<void>;
  /** For `easel plan`: prints what run() would need, and stops. */
  plan?(input: CommandInput<V>, context: JobContext): Promise<void>;
}

/** Ties the type of the values to the groups. */
export function command<const F extends readonly Group[]>(
  parts: Omit<Command<ConfigOf<F>>, "groups"> & { readonly groups: F },
): Command<ConfigOf<F>> {
  return parts;
}
