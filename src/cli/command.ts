/** A subcommand: what it takes and what it does, as data and one short function. Most are jobs. */

import type { JobContext, Plan } from "../base/job.ts";
import type { Job, Taken } from "../options/job.ts";
import type { ConfigOf, Group, PathKind } from "../options/mod.ts";
import type { ValueSource } from "../options/given/parse.ts";

/** What run() gets besides its values. */
export interface CommandInput<V> {
  /** Every flag, typed and in camelCase. */
  readonly values: V;
  /** Whether a flag (sd-scripts' spelling) was given, and where. */
  source(name: string): ValueSource;
  readonly positionals: readonly string[];
}

/** A row of the table of commands: its file, and all that it imports, is only loaded when it is called. */
export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  /** What it does with the command that its first word names, in place of something of its own. */
  readonly does?: "plan";
  // deno-lint-ignore no-explicit-any -- each command knows its own values
  load(): Promise<Command<any>>;
}

export interface Command<V = unknown> extends Taken {
  /** Names of the arguments that are no flags; the last may end in "...", or be "[NAME...]" where none is needed. */
  readonly positionals?: readonly string[];
  /** What the arguments that are no flags lead to, for completion; a list of words for other things. */
  readonly completes?: PathKind | readonly string[];
  /** --json prints the result of this command, and not events. */
  readonly jsonIsResult?: boolean;
  /** What the first Ctrl-C is answered with, where nothing is finished and saved. */
  readonly stopping?: string;
  /** See Job. */
  check?(input: CommandInput<V>): void;
  idle?(input: CommandInput<V>): readonly string[];
  run(input: CommandInput<V>, context: JobContext): Promise<void>;
  plan?(input: CommandInput<V>, context: JobContext): Promise<Plan>;
}

/** Ties the type of the values to the groups. */
export function command<const G extends readonly Group[]>(
  parts: Omit<Command<ConfigOf<G>>, "groups"> & { readonly groups: G },
): Command<ConfigOf<G>> {
  return parts;
}

/** A job on the command line. */
export function commandOf<C>(job: Job<C>): Command<C> {
  const { check, idle, run, plan, ...taken } = job;
  return {
    ...taken,
    check: check && (({ values }) => check(values)),
    idle: idle && (({ values, source }) => {
      const names = job.groups.flatMap(({ rows }) => Object.keys(rows));
      return idle(values, names.filter((name) => ["command line", "config file"].includes(source(name))));
    }),
    run: ({ values }, context) => run(values, context),
    plan: plan && (({ values }, context) => plan(values, context)),
  };
}
