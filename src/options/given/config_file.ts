/** `--config_file`: flags from TOML. Sections are only for the reader; the command line wins. */

import { UserError } from "../../base/errors.ts";
import { guess } from "../../base/phrases.ts";
import { plainToml, readToml, type TomlTable, type TomlValue } from "../../formats/toml.ts";
import { checked, type Parsed } from "./parse.ts";
import { type AnyOption, type Group, type Rows, rowsOf, type Value } from "../mod.ts";
import { isForeignKey } from "./foreign_keys.ts";
import { isIdleZero, isUnset } from "./unset.ts";

export interface WithFile extends Parsed {
  /** One line for each kind of thing in the file that was left out. */
  readonly warnings: readonly string[];
}

/** The parsed arguments with the file's values in place of defaults. Throws UserError naming file and key. */
export function withConfigFile(parsed: Parsed, groups: readonly Group[]): WithFile {
  const given = parsed.values["config_file"];
  if (typeof given !== "string" || given === "") return { ...parsed, warnings: [] };
  const path = configPath(given), flags = rowsOf(groups);
  const values = { ...parsed.values }, sources = { ...parsed.sources };
  const entries = flatEntries(readConfig(path, given)), foreign: string[] = [], zeros: string[] = [];
  refuseMisspelt(path, entries.map(([key]) => key), flags);
  for (const [key, value] of entries) {
    const row: AnyOption | undefined = Object.hasOwn(flags, key) ? flags[key] : undefined;
    if (row === undefined) {
      if (!isUnset(NO_FLAG, value)) foreign.push(key);
    } else if (sources[key] !== "command line" && !isUnset(row, value)) {
      try {
        values[key] = fromToml(key, row, value);
      } catch (cause) {
        throw new UserError(`${path}: ${(cause as Error).message.replace(/^--/, "")}`, { cause });
      }
      sources[key] = "config file";
    } else if (isIdleZero(row, value) && row.zeroInFiles) zeros.push(key);
  }
  const warnings = [
    ...foreign.length ? [`${path}: left out, for this command has no such flags: ${foreign.join(", ")}`] : [],
    ...zeros.length ? [`${path}: taken as not given, being 0: ${zeros.join(", ")}`] : [],
  ];
  return { ...parsed, values, sources, warnings };
}

/** Stands for a key that is left out whatever it holds; empty ones need no word. */
const NO_FLAG: AnyOption = {
  ...{ type: "str", default: null, nargs: null, choices: null, help: "", origin: "0.9.1" },
  support: { kind: "not yet" },
};

/** The name may be given without its ".toml", but for a pipe that is open already. */
export function configPath(given: string): string {
  return given.endsWith(".toml") || /^\/(dev|proc)\//.test(given) ? given : `${given}.toml`;
}

function readConfig(path: string, given: string): TomlTable {
  if (/\.json$/i.test(given)) {
    throw new UserError(
      `${given}: --config_file takes TOML; an interface that keeps its settings in JSON writes a .toml beside the output when it starts a training`,
    );
  }
  return readToml(path, "--config_file names a TOML file");
}

/** Keys with their values, without the sections that they stand in. */
export function flatEntries(tree: TomlTable): [string, TomlValue][] {
  return Object.entries(tree).flatMap(([key, value]) =>
    isTable(value) ? Object.entries(value) : [[key, value] as [string, TomlValue]]
  );
}

function isTable(x: TomlValue): x is TomlTable {
  return typeof x === "object" && x !== null && !Array.isArray(x) && !(x instanceof Date);
}

/** All of them in one line, each with the flag that was meant. */
function refuseMisspelt(path: string, keys: readonly string[], flags: Rows): void {
  const misspelt = keys.filter((key) => !Object.hasOwn(flags, key) && !isForeignKey(key));
  if (misspelt.length === 0) return;
  if (misspelt.includes("datasets")) {
    throw new UserError(`${path}: is a dataset file ([[datasets]]); give it as --dataset_config`);
  }
  const told = misspelt.map((key) => `${key} is not a flag of this command${guess(key, Object.keys(flags))}`);
  throw new UserError(`${path}: ${told.join("; ")}`);
}

/** A TOML value as the flag's type: numbers may also be written as text, as they would be on the command line. */
function fromToml(name: string, row: AnyOption, value: TomlValue): Value {
  const texts = textsOf(name, row, value);
  if (typeof texts === "boolean") return texts;
  // a file's value is not held to the choices by sd-scripts, which matters where it changes nothing
  const lenient = row.support.kind === "no effect" ? { ...row, choices: null } : row;
  if (typeof texts === "string") return checked(name, lenient, texts);
  return texts.map((text) => checked(name, lenient, text)) as Value;
}

/** What a command line would say of a flag: on or off, a text, a list of texts. */
export type Texts = boolean | string | readonly string[];

/** A file's value as the command line would have it. Throws UserError for one that no text can say. */
export function textsOf(name: string, row: AnyOption, value: TomlValue): Texts {
  if (row.type === "flag") return switched(name, value);
  if (row.nargs === null) return scalarText(name, oneOf(value));
  const list = Array.isArray(value) ? value : [value];
  return list.filter((item) => item !== "").map((item) => scalarText(name, item));
}

/** true and false; interfaces also write 1 and 0. */
function switched(name: string, value: TomlValue): boolean {
  const text = String(value).toLowerCase();
  if (["true", "1"].includes(text)) return true;
  if (["false", "0"].includes(text)) return false;
  throw new UserError(`${name} is true or false, ${shown(value)} was given`);
}

/** The value of a list that says one thing only, as a form with a field for each text encoder writes it. */
function oneOf(value: TomlValue): TomlValue {
  return Array.isArray(value) && value.every((item) => item === value[0]) ? value[0] : value;
}

function scalarText(name: string, value: TomlValue): string {
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "bigint") return String(value);
  throw new UserError(`${name} takes one value, ${shown(value)} was given`);
}

function shown(value: TomlValue): string {
  return JSON.stringify(plainToml(value));
}
