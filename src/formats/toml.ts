/** TOML files (https://toml.io/en/v1.0.0). Integers come as bigint and floats as number: `2` and `2.0` stay different. */

import { parse, type TomlDate, TomlError } from "smol-toml";
import { UserError } from "../base/errors.ts";
import { fileBytes, NoFile } from "../base/regular_file.ts";

export type TomlValue = string | number | bigint | boolean | TomlDate | TomlValue[] | TomlTable;
export type TomlTable = { [key: string]: TomlValue };

/** Parses text; `path` is for messages. Throws UserError with file, line and column. */
export function parseToml(text: string, path: string): TomlTable {
  try {
    return parse(text.replace(/^\uFEFF/, ""), { integersAsBigInt: true }) as TomlTable;
  } catch (cause) {
    if (!(cause instanceof TomlError)) throw cause;
    const why = cause.message.split("\n")[0].replace(/^Invalid TOML document: /, "");
    throw new UserError(`${path}:${cause.line}:${cause.column}: ${why}; correct the TOML`, { cause });
  }
}

/** Reads and parses a file. Throws UserError when it cannot be read or is no TOML. */
export function readToml(path: string): TomlTable {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(fileBytes(path));
  } catch (cause) {
    if (cause instanceof NoFile) throw cause;
    const why = cause instanceof TypeError
      ? "is no UTF-8 text"
      : cause instanceof Deno.errors.NotFound
      ? "does not exist"
      : "cannot be read";
    throw new UserError(`${path}: ${why}; give a TOML file`, { cause });
  }
  return parseToml(text, path);
}

/** The same tree with integers as numbers, for whoever makes no difference. */
export function plainToml(value: TomlValue): unknown {
  if (typeof value === "bigint") return Number(value);
  if (Array.isArray(value)) return value.map(plainToml);
  if (typeof value !== "object" || value instanceof Date) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plainToml(inner)]));
}
