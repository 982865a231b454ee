/**
 * A job as a value: what it takes, and what it does with it. The command line, `plan`, the demo and tests call the same.
 * The file of a job is light, for help and completions load it: what computes is imported when it runs. Its name and a
 * line about it stand in the table of commands, so that neither a start nor the list of commands loads any job.
 */

import type { JobContext, Plan } from "../base/job.ts";
import type { ConfigOf, Group } from "./group.ts";

/** An option by name, or several sets of options of which one is enough; the first is the usual one. */
export type OptionNeed = string | readonly (readonly string[])[];

/** What is said of what a job or another command takes. */
export interface Taken {
  /** In the order of the help. */
  readonly groups: readonly Group[];
  /** Without these it does not start, besides the rows that are `required`; all that are missing are named at once. */
  readonly required?: readonly OptionNeed[];
  /** Options that most people give, for the help. */
  readonly usual?: readonly string[];
  /** A few lines below the usage line of the help. */
  readonly about?: string;
  /** Whole command lines that work as they stand, given the files that they name. */
  readonly examples?: readonly string[];
}

export interface Job<C> extends Taken {
  /** Contradictory values, missing files: whatever can be known before a model is loaded. Throws UserError. */
  check?(config: C): void;
  /** What of the options that were given, by name, decides nothing: one line each. Called when check() has passed. */
  idle?(config: C, given: readonly string[]): readonly string[];
  /** Throws UserError for what the user can mend, and Interrupted after saving when the context's signal is aborted. */
  run(config: C, context: JobContext): Promise<void>;
  /** What run() would need; nothing is trained or written. */
  plan?(config: C, context: JobContext): Promise<Plan>;
}

/** Ties the type of the config to the groups. */
export function job<const G extends readonly Group[]>(
  parts: Omit<Job<ConfigOf<G>>, "groups"> & { readonly groups: G },
): Job<ConfigOf<G>> {
  return parts;
}
