/** Flags without which a command does not start. What is missing is said at once, not one after the other. */

import { UsageError } from "../../base/errors.ts";
import { listed } from "../../base/phrases.ts";
import type { OptionNeed, Taken } from "../job.ts";
import { type AnyOption, rowsOf, type Value } from "../mod.ts";

/**
 * Of the rows that are marked so, then what the command adds: sets of flags, of which those count that it obeys, and rows that
 * others need not give.
 */
export function needsOf(
  { groups, required = [] }: Pick<Taken, "groups" | "required">,
): readonly OptionNeed[] {
  const rows = rowsOf(groups);
  const marked = Object.entries(rows).filter(([, row]) => row.required).map(([name]) => name);
  const own = (need: OptionNeed): OptionNeed =>
    typeof need === "string"
      ? need
      : need.filter((set) =>
        set.every((name) => Object.hasOwn(rows, name) && rows[name].support.kind === "supported")
      );
  return [...marked, ...required.map(own)];
}

/** Throws one UsageError that names all that is missing. An empty text is no value, unless its row says that it may be. */
export function refuseMissing(
  values: Readonly<Record<string, Value>>,
  needs: readonly OptionNeed[],
  command: string,
  rows: Readonly<Record<string, Pick<AnyOption, "mayBeEmpty">>> = {},
): void {
  const missing = needs.flatMap((need) =>
    missingOf(need, (name) => isMissing(values[name], rows[name]?.mayBeEmpty ?? false))
  );
  if (missing.length === 0) return;
  const verb = missing.length === 1 ? "is" : "are";
  throw new UsageError(`${listed(missing)} ${verb} missing; easel help ${command} begins with what it needs`);
}

function missingOf(need: OptionNeed, missing: (name: string) => boolean): string[] {
  if (typeof need === "string") return missing(need) ? [`--${need}`] : [];
  const lacks = need.map((set) => set.filter(missing));
  if (lacks.some((names) => names.length === 0)) return [];
  // whoever gave one flag of a set means that set
  const begun = Math.max(0, lacks.findIndex((names, i) => names.length < need[i].length));
  const others = need.filter((_, i) => i !== begun).map((set) => listed(set.map((name) => `--${name}`)));
  const words = lacks[begun].map((name) => `--${name}`);
  return [...words.slice(0, -1), `${words.at(-1)} (or ${others.join(", or ")})`];
}

function isMissing(value: Value, mayBeEmpty: boolean): boolean {
  if (value === "") return !mayBeEmpty;
  return value === null || value === false || (Array.isArray(value) && value.length === 0);
}

/** "--train_data_dir and --resolution (or --dataset_config)", each name as `written` gives it. */
export function needText(need: OptionNeed, written: (name: string) => string): string {
  if (typeof need === "string") return written(need);
  const [first, ...others] = need.map((set) => listed(set.map(written)));
  return `${first} (or ${others.join(", or ")})`;
}

/** Every flag that is named, once, and what it may stand in place of. */
export function neededFlags(needs: readonly OptionNeed[]): { name: string; inPlaceOf: readonly string[] }[] {
  return needs.flatMap((need) =>
    typeof need === "string"
      ? [{ name: need, inPlaceOf: [] }]
      : need.flatMap((set, i) =>
        set.filter((name) => i === 0 || !need[0].includes(name)).map((name) => ({
          name,
          inPlaceOf: i === 0 ? [] : need[0].filter((other) => !set.includes(other)),
        }))
      )
  );
}
