/**
 * argv -> values, with the manners of Python's argparse: --flag value, --flag=value, unambiguous prefixes, lists, the last
 * repetition wins. On top of that dashes may stand for underscores, and an unknown flag is answered with the nearest name.
 */

import { UsageError } from "../../base/errors.ts";
import { textAs } from "../convert.ts";
import { camel } from "../group.ts";
import { type AnyOption, type Group, ORIGINS, type Rows, rowsOf, type Value } from "../mod.ts";
import { outside } from "../ranges.ts";
import { counted, guess } from "../../base/phrases.ts";
import { isEmptyWord, isUnsetText } from "./unset.ts";

export type ValueSource = "default" | "launcher" | "config file" | "command line";

export interface Parsed {
  /** Every flag of the groups, by sd-scripts' name. */
  readonly values: Record<string, Value>;
  /** Where each value comes from. */
  readonly sources: Record<string, ValueSource>;
  readonly positionals: string[];
}

/** Thrown when the user asked for help: not an error. */
export class HelpWanted extends Error {}

/** Parses the arguments after the subcommand. Throws UsageError (one line) or HelpWanted. */
export function parseArgs(
  argv: readonly string[],
  groups: readonly Group[],
  positionals: readonly string[] = [],
  hint = "",
): Parsed {
  const { parsed } = parseWords(argv, groups, false);
  checkPositionals(parsed.positionals, positionals, hint);
  return parsed;
}

/** Parses flags up to the first argument that is none; what comes from there on is `rest`. */
export function parseLeading(
  argv: readonly string[],
  groups: readonly Group[],
): { parsed: Parsed; rest: readonly string[] } {
  return parseWords(argv, groups, true);
}

function parseWords(
  argv: readonly string[],
  groups: readonly Group[],
  leading: boolean,
): { parsed: Parsed; rest: readonly string[] } {
  const rows = rowsOf(groups);
  const parsed: Parsed = { values: {}, sources: {}, positionals: [] };
  for (const [name, row] of Object.entries(rows)) {
    parsed.values[name] = row.default;
    parsed.sources[name] = "default";
  }
  const { flags, positionals, rest } = readWords(argv, rows, { leading });
  for (const { name, texts, equals } of flags) {
    parsed.values[name] = readValue(name, rows[name], texts, equals);
    parsed.sources[name] = "command line";
  }
  parsed.positionals.push(...positionals);
  return { parsed, rest };
}

/** A flag as it stands on a command line, its texts no values yet. */
export interface WordsOfFlag {
  readonly name: string;
  readonly texts: readonly string[];
  /** As --name=text. */
  readonly equals: boolean;
}

/**
 * Which words are flags, with the texts that belong to them; with `leading` only up to the first argument that is no flag.
 * `nameOf` finds the row of a flag as it is written; a name without a row takes all texts that follow. Throws UsageError
 * for what `nameOf` does not know, and HelpWanted.
 */
export function readWords(
  argv: readonly string[],
  rows: Rows,
  { leading = false, nameOf = resolveName }: {
    leading?: boolean;
    nameOf?: (written: string, rows: Rows) => string;
  } = {},
): { flags: WordsOfFlag[]; positionals: string[]; rest: readonly string[] } {
  const flags: WordsOfFlag[] = [], positionals: string[] = [];
  let only = false; // after "--" everything is an argument
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i];
    if (!only && word === "--") only = true;
    else if (only || !isFlagWord(word)) {
      if (leading) return { flags, positionals, rest: argv.slice(i) };
      positionals.push(word);
    } else {
      const equals = word.indexOf("=");
      const written = equals < 0 ? word : word.slice(0, equals);
      if (written === "-h" || written === "--help") throw new HelpWanted();
      const name = nameOf(written, rows), texts: string[] = [];
      if (equals >= 0) texts.push(word.slice(equals + 1));
      else {
        const most = mostTexts(Object.hasOwn(rows, name) ? rows[name] : null);
        while (
          texts.length < most && i + 1 < argv.length && !isFlagWord(argv[i + 1]) && argv[i + 1] !== "--"
        ) {
          texts.push(argv[++i]);
        }
      }
      flags.push({ name, texts, equals: equals >= 0 });
    }
  }
  return { flags, positionals, rest: [] };
}

function mostTexts(row: AnyOption | null): number {
  if (row === null || row.nargs === "*") return Infinity;
  return row.type === "flag" ? 0 : row.nargs ?? 1;
}

/** "-0.1" and "-1e-3" are numbers, "-" is a file name by custom, "--n a cat" has a space: all arguments. */
export function isFlagWord(word: string): boolean {
  if (!word.startsWith("-") || word === "-") return false;
  if (/^-(\d|\.\d)/.test(word) && "value" in textAs("float", word)) return false;
  if (/^-(inf|nan)/i.test(word) && "value" in textAs("float", word)) return false;
  return !word.replace(/=.*$/s, "").includes(" ");
}

/** The row that a flag means as it is written. Throws UsageError for one that there is not, or for several. */
export function resolveName(written: string, flags: Rows): string {
  const wanted = written.replace(/^--?/, "").replaceAll("-", "_");
  if (written.startsWith("--") && Object.hasOwn(flags, wanted)) return wanted;
  const short = Object.keys(flags).find((name) => `-${flags[name].short}` === written);
  if (short !== undefined) return short;
  if (written.startsWith("--") && wanted !== "") {
    for (const origin of ORIGINS) {
      const fits = Object.keys(flags).filter((name) =>
        flags[name].origin === origin && name.startsWith(wanted)
      );
      if (fits.length === 1) return fits[0];
      if (fits.length > 1) {
        throw new UsageError(`${written} is ambiguous: ${fits.map((name) => `--${name}`).join(", ")}`);
      }
    }
  }
  throw new UsageError(`${written} is not a flag of this command${guess(wanted, Object.keys(flags), "--")}`);
}

function readValue(name: string, row: AnyOption, texts: readonly string[], explicit: boolean): Value {
  if (row.type === "flag") {
    if (explicit) throw new UsageError(`--${name} takes no value, "${texts[0]}" was given`);
    return true;
  }
  if (row.nargs === null) {
    if (texts.length === 0) throw new UsageError(`--${name} needs a value`);
    return checked(name, row, texts[0]);
  }
  if (row.nargs !== "*" && texts.length !== row.nargs) {
    throw new UsageError(`--${name} needs ${counted(row.nargs, "value")}, ${texts.length} given`);
  }
  return texts.map((text) => checked(name, row, text)) as Value;
}

/** One text as the flag's type, within its choices and above its minimum. */
export function checked(name: string, row: AnyOption, text: string): Value {
  if (isUnsetText(row, text) || isEmptyWord(row, text)) return row.default;
  const result = textAs(row.type, text);
  if ("wanted" in result) throw new UsageError(`--${name} takes ${result.wanted}, "${text}" was given`);
  const { value } = result;
  if (row.choices && !row.choices.includes(value as string | number)) {
    const works = (row.works ?? row.choices).map(String);
    const wanted = works.length === 1 ? works[0] : `one of ${works.join(", ")}`;
    throw new UsageError(`--${name} is ${wanted}; "${text}" was given${guess(text, works)}`);
  }
  const wanted = typeof value === "number" ? wantedNumber(row, value) : null;
  if (wanted) throw new UsageError(`--${name} is ${wanted}, ${text} was given`);
  return value;
}

/** The largest number of float32, which is what everything is computed in. */
const LARGEST = 3.4028234663852886e38;

/** What is wanted in place of a number, null where it is right. */
function wantedNumber({ min, max, above, type }: AnyOption, value: number): string | null {
  if (type === "float" && !(Math.abs(value) <= LARGEST)) return "a finite number";
  if (above !== undefined && value <= above) return `above ${above}`;
  return outside({ min, max }, value);
}

/** `hint`: how the line goes on that says that one is missing. */
function checkPositionals(
  given: readonly string[],
  wanted: readonly string[],
  hint: string,
): void {
  const rest = /\.{3}\]?$/.test(wanted.at(-1) ?? "");
  const missing = wanted.slice(given.length).find((name) => !name.startsWith("["));
  if (missing) throw new UsageError(`${missing.replace("...", "")} is missing${hint}`);
  if (given.length > wanted.length && !rest) {
    throw new UsageError(
      `"${given[wanted.length]}" is not expected here; values follow their flag as in --flag value`,
    );
  }
}

/** The values under their camelCase names, frozen: what a command's run() sees. */
export function camelValues(values: Record<string, Value>): Record<string, Value> {
  return Object.freeze(
    Object.fromEntries(Object.entries(values).map(([name, value]) => [camel(name), value])),
  );
}
