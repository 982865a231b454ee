/** A command's options as the page draws them: the rows of its help as data. */

import type { Texts } from "../../options/given/config_file.ts";
import { neededFlags, needsOf } from "../../options/given/required.ts";
import { type AnyOption, rowsOf, type Value } from "../../options/mod.ts";
import type { StudioCommand } from "../studio.ts";

export interface FormField {
  readonly name: string;
  readonly type: AnyOption["type"];
  /** null: one value; "*": any number; a count: that many. */
  readonly nargs: AnyOption["nargs"];
  /** As it would be typed; null where there is none. */
  readonly standard: Texts | null;
  /** Those that do something; null where it is not a matter of choosing. */
  readonly choices: readonly string[] | null;
  /** Other values may be right too. */
  readonly open: boolean;
  readonly help: string;
  readonly min?: number;
  readonly max?: number;
  readonly above?: number;
  readonly leadsTo?: AnyOption["leadsTo"];
  readonly secret: boolean;
  readonly support: AnyOption["support"]["kind"];
}

export interface Form {
  readonly name: string;
  readonly summary: string;
  readonly about: string;
  readonly plans: boolean;
  /** Whether it works for a while, so that the queue takes it. */
  readonly queues: boolean;
  readonly positionals: readonly string[];
  /** Flags that must be given, each with those that it stands in place of. */
  readonly needed: readonly { readonly name: string; readonly inPlaceOf: readonly string[] }[];
  readonly usual: readonly string[];
  readonly groups: readonly { readonly title: string; readonly fields: readonly FormField[] }[];
}

/** The queue adds it to every job. */
const NEVER = ["json", "output_config"];

export function commandForm(command: StudioCommand): Form {
  const { name, summary, about, plans, positionals, usual, groups } = command;
  const shown = groups.map(({ title, rows }) => ({
    title,
    fields: Object.entries(rows).filter(([name]) => !NEVER.includes(name)).map(([name, row]) =>
      fieldOf(name, row)
    ),
  }));
  const queues = groups.some(({ rows }) => "json" in rows);
  const needed = neededFlags(needsOf(command)).filter(({ name }) => name in rowsOf(groups));
  return {
    ...{ name, summary, about, plans, queues, positionals, usual, needed },
    groups: shown.filter(({ fields }) => fields.length > 0),
  };
}

function fieldOf(name: string, row: AnyOption): FormField {
  const { type, nargs, help, min, max, above, leadsTo, secret = false, open = false, support } = row;
  const choices = row.works ?? row.choices?.map(String) ?? null;
  return {
    ...{ name, type, nargs, help, min, max, above, leadsTo, secret, open, choices },
    standard: typed(row.default),
    support: support.kind,
  };
}

function typed(value: Value): Texts | null {
  if (value === null || typeof value === "boolean") return value;
  if (Array.isArray(value)) return value.map(String);
  if (typeof value === "object") return String("steps" in value ? value.steps : value.ratio);
  return String(value);
}
