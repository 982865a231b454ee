/** What stands in the way of a start, each with the fields that it is about; the command's own check decides. */

import { isAbsolute, resolve } from "node:path";
import { UserError } from "../../base/errors.ts";
import { guess, listed } from "../../base/phrases.ts";
import type { Texts } from "../../options/given/config_file.ts";
import { isForeignKey } from "../../options/given/foreign_keys.ts";
import { parseArgs } from "../../options/given/parse.ts";
import { needsOf, refuseMissing } from "../../options/given/required.ts";
import { refuseUnsupported, withoutEffect } from "../../options/given/support.ts";
import { type Rows, rowsOf } from "../../options/mod.ts";
import { holdsPaths, isPath } from "../option_paths.ts";
import { type Folders, Refused, type StudioCommand } from "../studio.ts";
import type { Draft } from "./draft.ts";
import { isFormField } from "./gui_fields.ts";
import { flagWords, wordsOf } from "./line.ts";

export interface Problem {
  /** Flags, arguments in capitals, or unknown keys; none: it is about the whole. */
  readonly fields: readonly string[];
  readonly message: string;
  /** Of a path that lies in none of the studio's folders. */
  readonly outside?: string;
  /** The fields are not filled in, and that is all. */
  readonly missing?: true;
}

export interface Verdict {
  readonly problems: readonly Problem[];
  /** What is left out or has no effect. */
  readonly notes: readonly string[];
}

/** Of a job that runs, as all do, in the first of the folders. */
export function verdictOf(command: StudioCommand, draft: Draft, folders: Folders): Verdict {
  const folder = folders.roots[0];
  const { groups } = command, rows = rowsOf(groups), notes: string[] = [];
  const problems = [
    ...Object.entries(draft.values).flatMap(([name, texts]) => valueProblems(name, texts, command, notes)),
    ...unknownProblems(draft, rows, notes),
    ...pathProblems(draft, command, folder, folders),
    ...positionalProblems(draft, command),
  ];
  if (problems.some(({ fields }) => fields.some((name) => Object.hasOwn(rows, name)))) {
    return { problems, notes };
  }
  const parsed = attempt(() => parseArgs(wordsOf({ ...draft, positionals: [] }, rows), groups), rows);
  if ("problem" in parsed) return { problems: [...problems, parsed.problem], notes };
  const missing = attempt(
    () => refuseMissing(parsed.done.values, needsOf(command), command.name, rows),
    rows,
  );
  if ("problem" in missing) return { problems: [...problems, missingProblem(missing.problem, rows)], notes };
  if (problems.length) return { problems, notes };
  const checked = attempt(() => command.check(wordsOf(absolute(draft, rows, folder), rows)), rows);
  if ("problem" in checked) return { problems: [checked.problem], notes };
  return { problems, notes: [...new Set([...notes, ...checked.done])] };
}

/** "; easel help COMMAND begins with what it needs" is for a terminal, and what would do instead is not missing. */
function missingProblem({ message }: Problem, rows: Rows): Problem {
  const wanted = message.replace(/\(or [^)]*\)/g, "");
  return { fields: namedIn(wanted, rows), message: message.replace(/; easel help .*$/, ""), missing: true };
}

function attempt<T>(work: () => T, rows: Rows): { done: T } | { problem: Problem } {
  try {
    return { done: work() };
  } catch (cause) {
    if (!(cause instanceof UserError)) throw cause;
    return { problem: { fields: namedIn(cause.message, rows), message: cause.message } };
  }
}

/** Flags that a line of error names. */
function namedIn(message: string, rows: Rows): string[] {
  const names = [...message.matchAll(/--([a-zA-Z]\w*)/g)].map(([, name]) => name);
  return [...new Set(names)].filter((name) => Object.hasOwn(rows, name));
}

/** Of one flag by itself, as the parser has it. */
function valueProblems(name: string, texts: Texts, { groups }: StudioCommand, notes: string[]): Problem[] {
  const rows = rowsOf(groups), words = flagWords(name, texts);
  const found = attempt(() => {
    const parsed = parseArgs(words, groups, [], "");
    refuseUnsupported(parsed, groups);
    notes.push(...withoutEffect(parsed, groups));
  }, rows);
  return "problem" in found ? [{ ...found.problem, fields: [name] }] : [];
}

function unknownProblems({ unknown }: Draft, rows: Rows, notes: string[]): Problem[] {
  const names = Object.keys(unknown), foreign = names.filter(isForeign);
  const strange = names.filter((name) => !isForeign(name) || Object.hasOwn(rows, name));
  if (foreign.length) notes.push(`left out, for this command has no such flags: ${listed(foreign)}`);
  return strange.map((name) => ({ fields: [name], message: strangeText(name, unknown[name], rows) }));
}

const isForeign = (name: string) => isForeignKey(name) || isFormField(name);

function strangeText(name: string, value: string, rows: Rows): string {
  if (name === "datasets") return "this is a dataset file ([[datasets]]); give it as --dataset_config";
  if (Object.hasOwn(rows, name)) return `--${name}: ${value} is no value that it takes`;
  return `${name} is not a flag of this command${guess(name, Object.keys(rows))}`;
}

function positionalProblems({ positionals }: Draft, command: StudioCommand): Problem[] {
  const wanted = command.positionals, many = wanted.at(-1)?.endsWith("...") ?? false;
  const missing = wanted.slice(positionals.length).map((name) => name.replace("...", ""));
  if (missing.length) return [{ fields: missing, message: `${listed(missing)} is missing`, missing: true }];
  if (positionals.length <= wanted.length || many) return [];
  return [{
    fields: [],
    message: `"${positionals[wanted.length]}" is not expected here; values follow their flag`,
  }];
}

function pathsOf(draft: Draft, rows: Rows): [name: string, path: string][] {
  const flags = Object.entries(draft.values).filter(([name]) =>
    Object.hasOwn(rows, name) && holdsPaths(rows[name])
  );
  return flags.flatMap(([name, texts]) =>
    typeof texts === "boolean" ? [] : [texts].flat().map((path) => [name, path] as [string, string])
  );
}

function pathProblems(
  draft: Draft,
  { groups, positionals }: StudioCommand,
  folder: string,
  folders: Folders,
): Problem[] {
  const args = draft.positionals.map((path, i) =>
    [(positionals[Math.min(i, positionals.length - 1)] ?? "").replace("...", ""), path] as [string, string]
  ).filter(([, path]) => isAbsolute(path) || path.includes(".."));
  return [...pathsOf(draft, rowsOf(groups)), ...args].flatMap(([name, path]) => {
    if (!isPath(path, folder)) return [];
    try {
      folders.inside(resolve(folder, path));
      return [];
    } catch (cause) {
      if (!(cause instanceof Refused)) throw cause;
      return [{ fields: [name], message: cause.message, outside: resolve(folder, path) }];
    }
  });
}

/** Paths as the job would find them, for it runs in `folder` and this process does not. */
function absolute(draft: Draft, rows: Rows, folder: string): Draft {
  const whole = (path: string) => isPath(path, folder) ? resolve(folder, path) : path;
  const values = Object.entries(draft.values).map(([name, texts]) => {
    if (typeof texts === "boolean" || !holdsPaths(rows[name])) return [name, texts];
    return [name, typeof texts === "string" ? whole(texts) : texts.map(whole)];
  });
  return { ...draft, values: Object.fromEntries(values), positionals: draft.positionals.map(whole) };
}
