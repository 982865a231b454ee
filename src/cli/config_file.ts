/** `--config_file`: flags from TOML. Sections are only for the reader; the command line wins. */

import { parse as parseToml } from "smol-toml";
import { UserError } from "../base/errors.ts";
import { guess } from "../base/phrases.ts";
import { fileText, NoFile } from "../base/regular_file.ts";
import type { AnyFlag, Family, Value } from "./flag.ts";
import { allFlags, checked, type Parsed } from "./parse.ts";

/** The parsed arguments with the file's values in place of defaults. Throws UserError naming file and key. */
export function withConfigFile(parsed: Parsed, families: readonly Family[]): Parsed {
  const given = parsed.values["config_file"];
  if (typeof given !== "string" || given === "") return parsed;
  const path = configPath(given);
  const flags = allFlags(families);
  const values = { ...parsed.values }, sources = { ...parsed.sources };
  for (const [key, value] of entries(path)) {
    if (!Object.hasOwn(flags, key)) {
      throw new UserError(`${path}: ${key} is not a flag of this command${guess(key, Object.keys(flags))}`);
    }
    if (sources[key] === "command line") continue;
    try {
      values[key] = fromToml(key, flags[key], value);
    } catch (cause) {
      throw new UserError(`${path}: ${(cause as Error).message.replace(/^--/, "")}`, { cause });
    }
    sources[key] = "config file";
  }
  return { ...parsed, values, sources };
}

/** The name may be given without its ".toml", but for a pipe that is open already. */
export function configPath(given: string): string {
  return given.endsWith(".toml") || /^\/(dev|proc)\//.test(given) ? given : `${given}.toml`;
}

function entries(path: string): [string, unknown][] {
  let text;
  try {
    text = fileText(path);
  } catch (cause) {
    if (cause instanceof NoFile) throw cause;
    throw new UserError(`${path}: cannot be read; --config_file names a TOML file`, { cause });
  }
  let tree;
  try {
    tree = parseToml(text);
  } catch (cause) {
    throw new UserError(`${path}: no TOML (${(cause as Error).message.split("\n")[0]})`, { cause });
  }
  return Object.entries(tree).flatMap(([key, value]) =>
    isTable(value) ? Object.entries(value) : [[key, value] as [string, unknown]]
  );
}

function isTable(x: unknown): x is Record<string, unknown> {
  return typeof x === "object" && x !== null && !Array.isArray(x) && !(x instanceof Date);
}

/** A TOML value as the flag's type: numbers may also be written as text, as they would be on the command line. */
function fromToml(name: string, row: AnyFlag, value: unknown): Value {
  if (row.type === "flag") {
    if (typeof value !== "boolean") {
      throw new UserError(`${name} is true or false, ${JSON.stringify(value)} was given`);
    }
    return value;
  }
  if (row.nargs !== null) {
    const list = Array.isArray(value) ? value : [value];
    return list.map((item) => checked(name, row, scalarText(name, item))) as Value;
  }
  return checked(name, row, scalarText(name, value));
}

function scalarText(name: string, value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "bigint") return String(value);
  throw new UserError(`${name} takes one value, ${JSON.stringify(value)} was given`);
}
