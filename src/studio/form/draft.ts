/** What a form holds: texts as they would be typed. A value that is wrong stays, and so does what no flag is named like. */

import { parseToml, type TomlValue } from "../../formats/toml.ts";
import type { Texts } from "../../options/given/config_file.ts";
import { inlineToml } from "../../options/given/written.ts";
import type { Rows } from "../../options/mod.ts";
import { Refused } from "../studio.ts";

export interface Draft {
  /** By flag. */
  readonly values: Readonly<Record<string, Texts>>;
  /** What the command has no such flag for, each value as TOML. */
  readonly unknown: Readonly<Record<string, string>>;
  readonly positionals: readonly string[];
}

export const EMPTY: Draft = { values: {}, unknown: {}, positionals: [] };

/** Shown in place of a key or token; where it is read back it stands for the one before. */
export const MASK = "********";

/** Of a request. Throws Refused (400). */
export function readDraft(json: unknown): Draft {
  const { values = {}, unknown = {}, positionals = [] } = record(json, "draft");
  const wrong = (what: string) => new Refused(400, `${what} of the draft is not what a form sends`);
  for (const [name, value] of Object.entries(record(values, "values"))) {
    if (!(typeof value === "boolean" || typeof value === "string" || isTexts(value))) throw wrong(name);
  }
  for (const [name, value] of Object.entries(record(unknown, "unknown"))) {
    if (typeof value !== "string") throw wrong(name);
  }
  if (!isTexts(positionals)) throw wrong("positionals");
  return { values, unknown, positionals } as Draft;
}

function record(json: unknown, name: string): Record<string, unknown> {
  if (typeof json === "object" && json !== null && !Array.isArray(json)) {
    return json as Record<string, unknown>;
  }
  throw new Refused(400, `${name} is an object`);
}

function isTexts(x: unknown): x is string[] {
  return Array.isArray(x) && x.every((item) => typeof item === "string");
}

/** The draft under another command: what has a flag there is a value, what has none is unknown. */
export function refitted({ values, unknown, positionals }: Draft, rows: Rows): Draft {
  const known: [string, Texts][] = [], strange: [string, string][] = [];
  for (const [name, value] of Object.entries(values)) {
    if (Object.hasOwn(rows, name)) known.push([name, value]);
    else strange.push([name, inlineToml(value as TomlValue)]);
  }
  for (const [name, toml] of Object.entries(unknown)) {
    const texts = Object.hasOwn(rows, name) ? asTexts(tomlValue(toml)) : null;
    if (texts === null) strange.push([name, toml]);
    else known.push([name, texts]);
  }
  return { values: Object.fromEntries(known), unknown: Object.fromEntries(strange), positionals };
}

function asTexts(value: TomlValue): Texts | null {
  if (typeof value === "boolean" || typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "bigint") return String(value);
  const items = Array.isArray(value) ? value.map(asTexts) : null;
  return items?.every((item) => typeof item === "string") ? items as string[] : null;
}

/** A value as it stands behind an equals sign. Throws UserError. */
function tomlValue(text: string): TomlValue {
  return parseToml(`value = ${text}`, "unknown").value;
}

/** Secrets that are masked in a text, as they were before. */
export function unmasked(draft: Draft, before: Draft, rows: Rows): Draft {
  const values = Object.entries(draft.values).map(([name, value]) => {
    const was = Object.hasOwn(before.values, name) ? before.values[name] : undefined;
    return [name, rows[name]?.secret && value === MASK && was !== undefined ? was : value];
  });
  return { ...draft, values: Object.fromEntries(values) };
}

/** What is shown of a value. */
export function masked(name: string, value: Texts, rows: Rows): Texts {
  return rows[name]?.secret && typeof value === "string" && value !== "" ? MASK : value;
}
