/** What easel says about flags that it knows and does not honour. Nothing that was given is passed over in silence. */

import { UsageError } from "../../base/errors.ts";
import { listed } from "../../base/phrases.ts";
import type { Parsed } from "./parse.ts";
import { sameValue } from "../convert.ts";
import { type AnyOption, type Group, rowsOf, type Value } from "../mod.ts";

interface Refused {
  /** As it was written: "--deepspeed", "--sampler heun". */
  readonly what: string;
  /** The values that work, empty for a flag that does not work at all. */
  readonly takes: string;
}

/** Throws one UsageError for all flags and values that are known and not supported yet. */
export function refuseUnsupported(parsed: Parsed, groups: readonly Group[]): void {
  const refused = Object.entries(rowsOf(groups)).flatMap(([name, row]) =>
    sameValue(parsed.values[name], row.default) ? [] : refusedOf(name, row, parsed.values[name])
  );
  if (refused.length === 0) return;
  const hints = [...new Set(refused.map(({ takes }) => takes))].join("");
  const verb = refused.length === 1 ? "is" : "are";
  throw new UsageError(`${listed(refused.map(({ what }) => what))} ${verb} not supported yet${hints}`);
}

function refusedOf(name: string, { support, works, open, instead }: AnyOption, value: Value): Refused[] {
  if (support.kind === "not yet") return [{ what: `--${name}`, takes: "" }];
  if (!works || open) return [];
  const texts = (Array.isArray(value) ? value : [value]).map(String);
  const takes = `; --${name} takes ${listed(works, "or")}${instead ? `, ${instead}` : ""}`;
  return texts.filter((text) => !works.includes(text)).map((text) => ({ what: `--${name} ${text}`, takes }));
}

/** One line for each flag that was given and changes nothing. */
export function withoutEffect(parsed: Parsed, groups: readonly Group[]): string[] {
  const lines: string[] = [];
  for (const [name, row] of Object.entries(rowsOf(groups))) {
    if (row.support.kind !== "no effect" || sameValue(parsed.values[name], row.default)) continue;
    lines.push(`--${name} has no effect: ${row.support.why}`);
  }
  return lines;
}
