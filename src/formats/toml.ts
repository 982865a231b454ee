/** TOML files (https://toml.io/en/v1.0.0). Integers come as bigint and floats as number: `2` and `2.0` stay different. */

import { parse, type TomlDate, TomlError } from "smol-toml";
import { UserError } from "../base/errors.ts";
import { BACKSLASHES } from "../base/files/path_hint.ts";
import { readText } from "./text_file.ts";

export type TomlValue = string | number | bigint | boolean | TomlDate | TomlValue[] | TomlTable;
export type TomlTable = { [key: string]: TomlValue };

/** Parses text; `path` is for messages. Throws UserError with file, line and column. */
export function parseToml(text: string, path: string): TomlTable {
  try {
    return parse(text.replace(/^\uFEFF/, ""), { integersAsBigInt: true }) as TomlTable;
  } catch (cause) {
    if (!(cause instanceof TomlError)) throw cause;
    throw new UserError(`${path}:${cause.line}:${cause.column}: ${whatIsWrong(text, cause)}`, { cause });
  }
}

/** A Windows path between double quotes, on the line of the error or, where its last backslash hid the quote, above. */
function whatIsWrong(text: string, { line, message }: TomlError): string {
  const lines = text.split(/\r\n|\n/).slice(Math.max(0, line - 2), line);
  if (lines.some((one) => /"[^"]*\\/.test(one.replace(/'[^']*'/g, "")))) {
    return `a backslash between double quotes begins an escape; ${BACKSLASHES}`;
  }
  return `${message.split("\n")[0].replace(/^Invalid TOML document: /, "")}; correct the TOML`;
}

/** Reads and parses a file. Throws UserError when it cannot be read or is no TOML. */
export function readToml(path: string, remedy = "give a TOML file"): TomlTable {
  return parseToml(readText(path, remedy), path);
}

/** The same tree with integers as numbers, for whoever makes no difference. */
export function plainToml(value: TomlValue): unknown {
  if (typeof value === "bigint") return Number(value);
  if (Array.isArray(value)) return value.map(plainToml);
  if (typeof value !== "object" || value instanceof Date) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plainToml(inner)]));
}
