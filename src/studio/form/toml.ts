/** A form as the file that --config_file names, and back. */

import { parseToml } from "../../formats/toml.ts";
import { flatEntries, type Texts, textsOf } from "../../options/given/config_file.ts";
import { checked } from "../../options/given/parse.ts";
import { isUnset } from "../../options/given/unset.ts";
import { inlineToml, keyToml, tomlText } from "../../options/given/written.ts";
import type { AnyOption, Rows, Value } from "../../options/mod.ts";
import { type Draft, masked } from "./draft.ts";

/** In the order of the help, then what is unknown. */
export function tomlOf(draft: Draft, rows: Rows): string {
  const known = Object.keys(rows).filter((name) => Object.hasOwn(draft.values, name)).map((name) =>
    `${name} = ${valueToml(name, rows[name], masked(name, draft.values[name], rows))}`
  );
  const unknown = Object.entries(draft.unknown).map(([key, value]) => `${keyToml(key)} = ${value}`);
  // a table at the top would be a section, whose name says nothing
  const tables = unknown.filter((line) => line.includes("= {")),
    plain = unknown.filter((line) => !tables.includes(line));
  return [...known, ...plain, ...tables.length ? ["[unknown]", ...tables] : []].map((line) => line + "\n")
    .join("");
}

/** As --output_config writes it; what is no value of the flag stays the text that it is. */
function valueToml(name: string, row: AnyOption, texts: Texts): string {
  if (typeof texts === "boolean") return String(texts);
  const one = (text: string) => {
    const value = valueOf(name, row, text);
    return value === null || row.type === "bytes" ? inlineToml(text) : tomlText(row, value);
  };
  return typeof texts === "string" ? one(texts) : `[${texts.map(one).join(", ")}]`;
}

function valueOf(name: string, row: AnyOption, text: string): Value {
  try {
    const value = checked(name, row, text);
    // a text that means the default is kept as it was given
    return Object.is(value, row.default) && typeof value !== "number" ? text : value;
  } catch {
    return null;
  }
}

/** Of a file's text; sections are only for the reader. Throws UserError with line and column for what is no TOML. */
export function draftOfToml(text: string, rows: Rows, name = "TOML"): Draft {
  const values: [string, Texts][] = [], unknown: [string, string][] = [];
  for (const [key, value] of flatEntries(parseToml(text, name))) {
    const row: AnyOption | null = Object.hasOwn(rows, key) ? rows[key] : null;
    if (row !== null && isUnset(row, value)) continue;
    const texts = row && readTexts(key, row, value);
    if (texts === null) unknown.push([key, inlineToml(value)]);
    else values.push([key, texts]);
  }
  return { values: Object.fromEntries(values), unknown: Object.fromEntries(unknown), positionals: [] };
}

/** Null where no command line could say it, such as a table. */
function readTexts(...[name, row, value]: Parameters<typeof textsOf>): Texts | null {
  try {
    return textsOf(name, row, value);
  } catch {
    return null;
  }
}
