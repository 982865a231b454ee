/**
 * Modules chosen by what they are called in sd-scripts' model, as its networks/network_base.py has it (0.11):
 * "input_blocks.4.1.transformer_blocks.0.attn1.to_q". A pattern is Python's and matches the whole name.
 */

import { UsageError } from "../../base/errors.ts";
import { readLiteral } from "../../text/python_literal.ts";
import type { Target } from "./targets.ts";
import { integer, number } from "./values.ts";

export interface NamePatterns {
  /** Left out, unless a pattern of `includes` matches too. */
  readonly excludes: readonly RegExp[];
  readonly includes: readonly RegExp[];
  /** The first that matches gives the rank; 0 leaves out. */
  readonly dims: readonly Named[];
  /** The first that matches gives the learning rate. */
  readonly rates: readonly Named[];
}

export interface Named {
  readonly pattern: RegExp;
  readonly value: number;
}

export const PATTERN_KEYS = [
  "exclude_patterns",
  "include_patterns",
  "network_reg_dims",
  "network_reg_lrs",
] as const;

/** Throws UsageError for what is no list of patterns, or no pattern. */
export function namePatterns(given: Readonly<Record<string, string>>): NamePatterns {
  const [excludes, includes] = ["exclude_patterns", "include_patterns"].map((key) =>
    key in given ? listed(key, given[key]).map((text) => whole(key, text)) : []
  );
  const [dims, rates] = ([["network_reg_dims", integer], ["network_reg_lrs", number]] as const).map((
    [key, parse],
  ) => key in given ? pairs(key, given[key], parse) : []);
  return { excludes, includes, dims, rates };
}

/** Whether a layer is left out. */
export function isExcluded(
  { excludes, includes }: NamePatterns,
  { layer = "" }: Pick<Target, "layer">,
): boolean {
  return excludes.some((pattern) => pattern.test(layer)) && !includes.some((pattern) => pattern.test(layer));
}

/** The first entry whose pattern matches a layer; -1 for none. */
export function matching(named: readonly Named[], { layer = "" }: Pick<Target, "layer">): number {
  return named.findIndex(({ pattern }) => pattern.test(layer));
}

/** "['a', 'b']" or "'a'", as Python writes them. */
function listed(key: string, text: string): string[] {
  const wrong = (cause?: unknown) =>
    new UsageError(`--network_args ${key}=${text}: is no list of texts; write ['.*attn1.*', '.*proj.*']`, {
      cause,
    });
  let value;
  try {
    ({ value } = readLiteral(text));
  } catch (cause) {
    throw wrong(cause);
  }
  const list = Array.isArray(value) ? value : [value];
  if (!list.every((item) => typeof item === "string")) throw wrong();
  return list;
}

/** "pattern=number,pattern=number" */
function pairs(key: string, text: string, parse: (key: string, text: string) => number): Named[] {
  return text.split(",").map((pair) => pair.trim()).filter((pair) => pair !== "").map((pair) => {
    const at = pair.indexOf("=");
    if (at < 0) {
      throw new UsageError(`--network_args ${key}: ${pair} has no =; write PATTERN=NUMBER,PATTERN=NUMBER`);
    }
    return { pattern: whole(key, pair.slice(0, at).trim()), value: parse(key, pair.slice(at + 1).trim()) };
  });
}

function whole(key: string, text: string): RegExp {
  try {
    return new RegExp(`^(?:${text})$`, "u");
  } catch (cause) {
    throw new UsageError(
      `--network_args ${key}: ${text} is no regular expression; put a backslash before signs`,
      {
        cause,
      },
    );
  }
}
