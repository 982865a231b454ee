/** A dataset file ([[datasets]]) as a form has it: tables of values, each as TOML writes it, so that nothing is dropped. */

import { parseToml, type TomlTable, type TomlValue } from "../../../formats/toml.ts";
import { inlineToml, keyToml } from "../../../options/given/written.ts";
import { Refused } from "../../studio.ts";
import type { Cells, DatasetDocument } from "../shown.ts";

/** Of a file's text; null where its tables are no tables. Throws UserError with line and column for what is no TOML. */
export function documentOf(text: string): DatasetDocument | null {
  const { general = {}, datasets = [], ...others } = parseToml(text, "TOML");
  if (!isTable(general) || !isTables(datasets)) return null;
  const sets = datasets.map(({ subsets = [], ...values }) => ({ values, subsets }));
  if (!sets.every(({ subsets }) => isTables(subsets))) return null;
  return {
    ...{ others: cellsOf(others), general: cellsOf(general) },
    datasets: sets.map(({ values, subsets }) => ({
      values: cellsOf(values),
      subsets: (subsets as TomlTable[]).map(cellsOf),
    })),
  };
}

function isTable(value: TomlValue): value is TomlTable {
  return typeof value === "object" && !Array.isArray(value) && !(value instanceof Date);
}

const isTables = (value: TomlValue): value is TomlTable[] => Array.isArray(value) && value.every(isTable);

const cellsOf = (table: TomlTable): Cells =>
  Object.fromEntries(Object.entries(table).map(([key, value]) => [key, inlineToml(value)]));

/** The file that says it. Throws UserError for a value that is no TOML. */
export function textOfDocument({ others, general, datasets }: DatasetDocument): string {
  const rows = (cells: Cells) =>
    Object.entries(cells).map(([key, text]) =>
      `${keyToml(key)} = ${inlineToml(parseToml(`value = ${text}`, key).value)}\n`
    ).join("");
  const section = (title: string, cells: Cells) => `${title}\n${rows(cells)}`;
  return [
    ...Object.keys(others).length ? [rows(others)] : [],
    ...Object.keys(general).length ? [section("[general]", general)] : [],
    ...datasets.flatMap(({ values, subsets }) => [
      section("[[datasets]]", values),
      ...subsets.map((cells) => section("[[datasets.subsets]]", cells)),
    ]),
  ].join("\n");
}

/** Of a request. Throws Refused (400). */
export function readDocument(value: unknown): DatasetDocument {
  const { others, general, datasets } = (value ?? {}) as Record<string, unknown>;
  const right = isCells(others) && isCells(general) && Array.isArray(datasets) &&
    datasets.every((set) => isCells(set?.values) && Array.isArray(set.subsets) && set.subsets.every(isCells));
  if (!right) throw new Refused(400, "document is not what the form of a dataset file sends");
  return value as DatasetDocument;
}

function isCells(value: unknown): value is Cells {
  return typeof value === "object" && value !== null && !Array.isArray(value) &&
    Object.values(value).every((text) => typeof text === "string");
}
