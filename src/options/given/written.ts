/** Values as a configuration file and a command line have them. */

import type { TomlValue } from "../../formats/toml.ts";
import type { AnyOption, Value } from "../mod.ts";

/** One value as TOML; null differs from a default only where the flag has none, and then is not written at all. */
export function tomlText(row: AnyOption, value: Value): string {
  if (Array.isArray(value)) return `[${value.map((item) => tomlText(row, item)).join(", ")}]`;
  if (typeof value === "boolean") return String(value);
  if (typeof value === "object" && value !== null) {
    return "steps" in value ? String(value.steps) : floatText(value.ratio);
  }
  if (typeof value === "number") return row.type === "float" ? floatText(value) : String(value);
  return textToml(String(value));
}

/** Any value on one line: tables and lists of tables too. */
export function inlineToml(value: TomlValue): string {
  if (typeof value === "string") return textToml(value);
  if (typeof value === "number") return floatText(value);
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return `[${value.map(inlineToml).join(", ")}]`;
  if (typeof value !== "object") return String(value);
  const pairs = Object.entries(value).map(([key, inner]) => `${keyToml(key)} = ${inlineToml(inner)}`);
  return pairs.length ? `{ ${pairs.join(", ")} }` : "{}";
}

/** A key as it may stand before an equals sign. */
export function keyToml(key: string): string {
  return /^[\w-]+$/.test(key) && /^[\x20-\x7e]+$/.test(key) ? key : textToml(key);
}

/** TOML wants a point or an exponent in a float. */
function floatText(x: number): string {
  if (!Number.isFinite(x)) return Number.isNaN(x) ? "nan" : x > 0 ? "inf" : "-inf";
  return Number.isInteger(x) && !/e/.test(String(x)) ? `${x}.0` : String(x);
}

/** JSON's escapes are among TOML's; DEL is the one character that only JSON takes as it is. */
function textToml(text: string): string {
  return JSON.stringify(text).replaceAll("\x7f", "\\u007f");
}
