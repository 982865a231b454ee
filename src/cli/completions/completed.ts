/** What the scripts of all shells know of a command: its flags, and what may stand for their values. */

import { choicesOf, type LoadedCommand } from "../pages/describe.ts";
import { ENDINGS } from "../../options/endings.ts";
import type { AnyOption, PathKind } from "../../options/mod.ts";

/** What may stand for a value: words, files with one of some endings, folders, any file, or something unknown. */
export type Completes =
  | { readonly kind: "words"; readonly words: readonly string[] }
  | { readonly kind: "files"; readonly endings: readonly string[] }
  | { readonly kind: "folder" }
  | { readonly kind: "unknown" };

export interface CompletedFlag {
  readonly name: string;
  /** One line. */
  readonly help: string;
  readonly metavar: string;
  /** How many values follow; Infinity for a list. */
  readonly values: number;
  readonly completes: Completes;
}

export interface CompletedCommand {
  readonly name: string;
  readonly summary: string;
  readonly flags: readonly CompletedFlag[];
  /** Arguments that are no flags; null where there are none. */
  readonly argument: { readonly name: string; readonly completes: Completes } | null;
  readonly plans: boolean;
}

export function completedCommand({ entry, command }: LoadedCommand): CompletedCommand {
  const [argument] = command.positionals ?? [];
  return {
    name: entry.name,
    summary: entry.summary,
    flags: command.groups.flatMap(({ rows }) => Object.entries(rows).map(([name, row]) => flagOf(name, row))),
    argument: argument === undefined
      ? null
      : { name: argument.replace(/[[\].]/g, ""), completes: completesOf(command.completes) },
    plans: command.plan !== undefined,
  };
}

function flagOf(name: string, row: AnyOption): CompletedFlag {
  const word = row.leadsTo === "folder" ? "FOLDER" : row.leadsTo ? "FILE" : "VALUE";
  return {
    name,
    help: row.help + (row.support.kind === "not yet" ? " (not supported yet)" : ""),
    metavar: word,
    values: row.type === "flag" ? 0 : row.nargs === "*" ? Infinity : row.nargs ?? 1,
    completes: completesOf(choicesOf(row) ?? row.leadsTo),
  };
}

function completesOf(what: PathKind | readonly string[] | undefined): Completes {
  if (what === undefined) return { kind: "unknown" };
  if (typeof what !== "string") return { kind: "words", words: what };
  return what === "folder" ? { kind: "folder" } : { kind: "files", endings: ENDINGS[what] };
}
