/** Configurations as Python libraries write them beside a model: keys sorted, two blanks a level, floats told from integers. */

import { JsonNumber, type JsonValue, pythonJson } from "./python_json.ts";
import { floatRepr } from "./python_number.ts";

export type Config = { readonly [name: string]: Entry };
export type Entry = string | number | boolean | null | JsonNumber | readonly Entry[] | Config;

/** A Python float: 1 is written as 1.0. */
export const float = (value: number) => new JsonNumber(floatRepr(value));

/** json.dumps(config, indent=2, sort_keys=True) and a line end. */
export function configText(config: Config): string {
  return `${pythonJson(sorted(config))}\n`;
}

function sorted(entry: Entry): JsonValue {
  if (entry === null || typeof entry === "boolean" || typeof entry === "string") return entry;
  if (typeof entry === "number") return new JsonNumber(String(entry));
  if (entry instanceof JsonNumber) return entry;
  if (isList(entry)) return entry.map(sorted);
  const entries = Object.entries(entry).sort(([a], [b]) => a < b ? -1 : 1);
  return new Map(entries.map(([key, value]) => [key, sorted(value)]));
}

function isList(entry: readonly Entry[] | Config): entry is readonly Entry[] {
  return Array.isArray(entry);
}
