/** What easel says about flags that it knows and does not honour. Nothing that was given is passed over in silence. */

import { UsageError } from "../base/errors.ts";
import { type Family, sameValue } from "./flag.ts";
import { allFlags, type Parsed } from "./parse.ts";

/** Throws for the first flag that was given a value other than its default and is not supported yet. */
export function refuseUnsupported(parsed: Parsed, families: readonly Family[]): void {
  for (const [name, row] of Object.entries(allFlags(families))) {
    if (row.support.kind !== "not yet" || sameValue(parsed.values[name], row.default)) continue;
    throw new UsageError(`--${name} is not supported yet`);
  }
}

/** One line for each flag that was given and changes nothing. */
export function withoutEffect(parsed: Parsed, families: readonly Family[]): string[] {
  const lines: string[] = [];
  for (const [name, row] of Object.entries(allFlags(families))) {
    if (row.support.kind !== "no effect" || sameValue(parsed.values[name], row.default)) continue;
    lines.push(`--${name} has no effect: ${row.support.why}`);
  }
  return lines;
}
