/** Reading dataset files, TOML or JSON, and checking them against the schema: no unknown key, no wrong type. */

import { closest, distance } from "fastest-levenshtein";
import { UserError } from "../../base/errors.ts";
import { readJson } from "../../formats/json.ts";
import { readToml } from "../../formats/toml.ts";
import {
  datasetTable,
  generalTable,
  type Method,
  REQUIRED,
  subsetTable,
  type Supports,
  type Table,
  type ValueKind,
} from "./config_schema.ts";
import { RANGES } from "./ranges.ts";
import { outside } from "../../options/ranges.ts";

/** A checked value: numbers are numbers again, sizes are always pairs. */
export type Value = boolean | number | string | readonly number[];
export type Values = Readonly<Record<string, Value>>;

export interface DatasetConfig {
  readonly method: Method;
  readonly values: Values;
  readonly subsets: readonly Values[];
}

/** A whole dataset file, or the same made from flags. */
export interface DatasetFile {
  readonly general: Values;
  readonly datasets: readonly DatasetConfig[];
}

export type Mistake = "unknown" | "missing" | "type" | "mixed" | "range";

/** A mistake in a dataset file; `path` leads to it: ["datasets", "0", "batch_size"]. */
export class DatasetFileError extends UserError {
  override name = "DatasetFileError";
  constructor(message: string, readonly mistake: Mistake, readonly path: readonly string[]) {
    super(message);
  }
}

/** Reads and checks a dataset file. Throws UserError naming the file, the place and the remedy. */
export function readDatasetFile(path: string, supports: Supports): DatasetFile {
  const lower = path.toLowerCase();
  if (lower.endsWith(".toml")) return checkDatasetFile(readToml(path), supports, path);
  if (lower.endsWith(".json")) {
    return checkDatasetFile(readJson(path, "give a TOML or JSON file", integers), supports, path);
  }
  throw new UserError(`${path}: a dataset file ends in .toml or .json`);
}

/** JSON's integers as bigints, so that 2 and 2.0 differ as they do in TOML. */
function integers(_: string, value: unknown, { source }: { source?: string }): unknown {
  return typeof value === "number" && source !== undefined && /^-?\d+$/.test(source) ? BigInt(source) : value;
}

/** Checks parsed data; integers are expected as bigints. Throws DatasetFileError for the first mistake. */
export function checkDatasetFile(parsed: unknown, supports: Supports, source: string): DatasetFile {
  const checker = new Checker(source, supports);
  const top = checker.table(parsed, []);
  if (!("datasets" in top) && FLAG_KEYS.some((key) => key in top)) {
    checker.fail("unknown", [], "holds flags and no [[datasets]]; give it as --config_file");
  }
  checker.keys(Object.keys(top), ["general", "datasets"], []);
  const general = top.general === undefined ? {} : checker.values(top.general, generalTable(supports), [], [
    "general",
  ]);
  const datasets = checker.list(top.datasets ?? [], ["datasets"])
    .map((dataset, i) => checker.dataset(dataset, ["datasets", String(i)]));
  return { general, datasets };
}

/** Keys that only a file for --config_file has. */
const FLAG_KEYS = [
  "pretrained_model_name_or_path",
  "output_dir",
  "output_name",
  "learning_rate",
  "network_module",
];

class Checker {
  constructor(readonly source: string, readonly supports: Supports) {}

  fail(mistake: Mistake, path: readonly string[], text: string): never {
    throw new DatasetFileError(`${this.source}: ${place(path)} ${text}`, mistake, path);
  }

  table(value: unknown, path: readonly string[]): Record<string, unknown> {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      this.fail("type", path, `is ${describe(value)}; a table is wanted`);
    }
    return value as Record<string, unknown>;
  }

  list(value: unknown, path: readonly string[]): unknown[] {
    if (!Array.isArray(value)) {
      const header = path.filter((part) => !/^\d+$/.test(part)).join(".");
      this.fail("type", path, `is ${describe(value)}; a list of tables is wanted: write [[${header}]]`);
    }
    return value;
  }

  dataset(value: unknown, path: readonly string[]): DatasetConfig {
    const { subsets: rawSubsets, ...rest } = this.table(value, path);
    const at = [...path, "subsets"];
    const subsets = rawSubsets === undefined ? [] : this.list(rawSubsets, at);
    const tables = subsets.map((subset, i) => this.table(subset, [...at, String(i)]));
    const method = this.method(tables, path);
    return {
      method,
      values: this.values(rest, datasetTable(method, this.supports), [], path, ["subsets"]),
      subsets: tables.map((table, i) =>
        this.values(table, subsetTable(method, this.supports), REQUIRED[method], [...at, String(i)])
      ),
    };
  }

  /** By the keys of its subsets, where the script leaves a choice. */
  method(subsets: Record<string, unknown>[], path: readonly string[]): Method {
    const { dreambooth, finetuning, controlnet } = this.supports;
    // The reference asks whether all subsets have the key, which none of none lacks; such a dataset is refused later.
    if (subsets.length === 0) return "controlnet";
    const all = (key: string) => subsets.every((subset) => key in subset);
    if (dreambooth && finetuning) {
      if (controlnet && all("conditioning_data_dir")) return "controlnet";
      if (all("metadata_file")) return "finetuning";
      if (!subsets.some((subset) => "metadata_file" in subset)) return "dreambooth";
      this.fail(
        "mixed",
        path,
        "mixes subsets with and without metadata_file; put them into separate [[datasets]]",
      );
    }
    return controlnet ? "controlnet" : dreambooth ? "dreambooth" : "finetuning";
  }

  keys(found: string[], known: string[], path: readonly string[]): void {
    for (const key of found) {
      if (!known.includes(key)) {
        this.fail("unknown", [...path, key], `is not a known key${this.hint(key, known)}`);
      }
    }
  }

  /** Where the key would be right, else the nearest right one. */
  hint(key: string, known: string[]): string {
    if (key === "conditioning_data_dir") {
      return this.supports.controlnet
        ? " here; every subset of a dataset has one or none has, put the others into a [[datasets]] of their own"
        : " here; it names the masks that --masked_loss asks for";
    }
    const everywhere: [string, Table][] = [
      ["[[datasets]]", datasetTable("dreambooth", this.supports)],
      ["[[datasets.subsets]]", subsetTable("dreambooth", this.supports)],
      ["[[datasets.subsets]]", subsetTable("finetuning", this.supports)],
    ];
    const right = everywhere.find(([, table]) => key in table);
    if (right) return ` here; it belongs in ${right[0]}`;
    const nearest = closest(key, known);
    return distance(key, nearest) <= Math.max(2, key.length / 2)
      ? `; did you mean ${nearest}?`
      : " of dataset files";
  }

  values(
    value: unknown,
    table: Table,
    required: readonly string[],
    path: readonly string[],
    alsoKnown: string[] = [],
  ): Values {
    const entries = this.table(value, path), out: Record<string, Value> = {};
    this.keys(Object.keys(entries), [...Object.keys(table), ...alsoKnown], path);
    for (const [key, raw] of Object.entries(entries)) {
      const converted = convert(table[key], raw);
      if (converted === undefined) {
        this.fail("type", [...path, key], `is ${describe(raw)}; ${WANTED[table[key]]} is wanted`);
      }
      const range = RANGES[key as keyof typeof RANGES], numbers = [converted].flat();
      const wanted = range && numbers.map((x) => outside(range, x as number)).find((text) => text !== null);
      if (wanted) this.fail("range", [...path, key], `is ${describeNumbers(raw)}; ${wanted} is wanted`);
      out[key] = converted;
    }
    for (const key of required) {
      if (!(key in entries)) this.fail("missing", [...path, key], "is missing");
    }
    return out;
  }
}

const WANTED: Record<ValueKind, string> = {
  bool: "true or false",
  int: "an integer",
  float: "a number with a decimal point",
  number: "a number",
  string: "a string",
  floats: "a list of two numbers with decimal points",
  size: "an integer or a list of two integers",
};

/** The plain value, or undefined when it is not of that kind. */
function convert(kind: ValueKind, raw: unknown): Value | undefined {
  const integer = typeof raw === "bigint" ? Number(raw) : undefined;
  switch (kind) {
    case "bool":
      return typeof raw === "boolean" ? raw : undefined;
    case "int":
      return integer;
    case "float":
      return typeof raw === "number" ? raw : undefined;
    case "number":
      return typeof raw === "number" ? raw : integer;
    case "string":
      return typeof raw === "string" ? raw : undefined;
    case "floats":
      return Array.isArray(raw) && raw.length === 2 && raw.every((x) => typeof x === "number")
        ? raw
        : undefined;
    case "size":
      if (integer !== undefined) return [integer, integer];
      return Array.isArray(raw) && raw.length === 2 && raw.every((x) => typeof x === "bigint")
        ? raw.map(Number)
        : undefined;
  }
}

function place(path: readonly string[]): string {
  if (path.length === 0) return "the file";
  return path.reduce(
    (text, part) => /^\d+$/.test(part) ? `${text}[${part}]` : text ? `${text}.${part}` : part,
    "",
  );
}

function describeNumbers(value: unknown): string {
  return Array.isArray(value) ? `[${value.join(", ")}]` : String(value);
}

function describe(value: unknown): string {
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === "object" && value !== null) return "a table";
  if (typeof value === "bigint") return `the integer ${value}`;
  if (typeof value === "number") {
    return Number.isInteger(value) ? `the float ${value}.0` : `the float ${value}`;
  }
  return typeof value === "string" ? `the string ${JSON.stringify(value)}` : String(value);
}
