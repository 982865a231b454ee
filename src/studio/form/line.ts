/** A form as words of a command line, as the line that a shell takes, and back. */

import { UsageError } from "../../base/errors.ts";
import type { Texts } from "../../options/given/config_file.ts";
import { isFlagWord, readWords, resolveName, type WordsOfFlag } from "../../options/given/parse.ts";
import { inlineToml, keyToml } from "../../options/given/written.ts";
import type { AnyOption, Rows, Value } from "../../options/mod.ts";
import { parseToml } from "../../formats/toml.ts";
import { type Draft, masked } from "./draft.ts";
import { shellWord } from "./shell.ts";

/** Wider lines have a flag each. */
const WIDE = 100;

/** What the command is called with, without its name; `shown` masks secrets. What is unknown is no part of it. */
export function wordsOf(draft: Draft, rows: Rows, shown = false): string[] {
  return piecesOf(draft, rows, shown).flat();
}

function piecesOf({ values, positionals }: Draft, rows: Rows, shown: boolean): string[][] {
  const flags = Object.keys(rows).filter((name) => Object.hasOwn(values, name)).map((name) =>
    flagWords(name, shown ? masked(name, values[name], rows) : values[name])
  );
  const dashed = positionals.some((word) => isFlagWord(word) || word === "--");
  return dashed ? [...flags, ["--", ...positionals]] : [positionals.slice(), ...flags];
}

/** A value that begins with a dash is joined to its flag; a list of such ones no command line can say. */
export function flagWords(name: string, texts: Texts): string[] {
  if (typeof texts === "boolean") return texts ? [`--${name}`] : [];
  const list = typeof texts === "string" ? [texts] : texts;
  if (list.length === 1 && (isFlagWord(list[0]) || list[0] === "--")) return [`--${name}=${list[0]}`];
  return [`--${name}`, ...list];
}

/** The line that does it; what is unknown stands behind it, where a shell reads no further. */
export function lineOf(command: string, draft: Draft, rows: Rows): string {
  const pieces = [["easel", command], ...piecesOf(draft, rows, true)].filter((words) => words.length > 0)
    .map((words) => words.map(shellWord).join(" "));
  const one = pieces.join(" "), text = one.length <= WIDE ? one : pieces.join(" \\\n  ");
  const unknown = Object.entries(draft.unknown).map(([key, value]) => `${keyToml(key)} = ${value}`);
  return unknown.length ? `${text}  # unknown = { ${unknown.join(", ")} }` : text;
}

/** What words say; flags that there are not are unknown. `defaults` are a launcher's. Throws nothing for what is wrong with a value. */
export function draftOfWords(
  words: readonly string[],
  rows: Rows,
  defaults: Readonly<Record<string, Value>> = {},
): Draft {
  const values: Record<string, Texts> = {}, unknown: Record<string, string> = {};
  for (const [name, value] of Object.entries(defaults)) {
    if (Object.hasOwn(rows, name)) values[name] = String(value);
    else unknown[name] = inlineToml(value as string | number | boolean);
  }
  const { flags, positionals } = readWords(words.filter((word) => !/^(-h|--help)$/.test(word)), rows, {
    nameOf,
  });
  for (const flag of flags) {
    const row = Object.hasOwn(rows, flag.name) ? rows[flag.name] : null;
    const texts = row && textsOfFlag(row, flag);
    if (texts === null) unknown[flag.name] = inlineToml(unknownTexts(flag));
    else values[flag.name] = texts;
  }
  return { values, unknown, positionals };
}

function nameOf(written: string, rows: Rows): string {
  try {
    return resolveName(written, rows);
  } catch (cause) {
    if (!(cause instanceof UsageError)) throw cause;
    return written.replace(/^-+/, "").replaceAll("-", "_");
  }
}

/** Null for a flag with another number of values than it takes. */
function textsOfFlag(row: AnyOption, { texts, equals }: WordsOfFlag): Texts | null {
  if (row.type === "flag") return equals ? null : true;
  if (row.nargs === null) return texts.length === 1 ? texts[0] : null;
  return texts;
}

function unknownTexts({ texts }: WordsOfFlag): string | boolean | string[] {
  return texts.length === 0 ? true : texts.length === 1 ? texts[0] : [...texts];
}

/** What a comment behind a line of ours keeps; nothing for another comment. */
export function unknownIn(comments: readonly string[]): Record<string, string> {
  const ours = comments.find((text) => text.startsWith("unknown = {"));
  if (ours === undefined) return {};
  const table = parseToml(ours, "unknown").unknown;
  return Object.fromEntries(Object.entries(table as object).map(([key, value]) => [key, inlineToml(value)]));
}
