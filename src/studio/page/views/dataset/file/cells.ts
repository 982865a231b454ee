/** Values of a dataset file, between how TOML writes them and how they are typed. */

import type { Cells, DatasetDocument } from "../told.ts";

export type Kind = "text" | "number" | "size" | "box";

export interface FileField {
  readonly key: string;
  readonly kind: Kind;
  /** Where it is not given. */
  readonly standard: string;
}

/** What most files give; everything else is edited in the text. */
export const DATASET_FIELDS: readonly FileField[] = [
  { key: "resolution", kind: "size", standard: "512" },
  { key: "batch_size", kind: "number", standard: "1" },
  { key: "caption_extension", kind: "text", standard: ".caption" },
  { key: "enable_bucket", kind: "box", standard: "" },
];
export const SUBSET_FIELDS: readonly FileField[] = [
  { key: "num_repeats", kind: "number", standard: "1" },
  { key: "class_tokens", kind: "text", standard: "" },
  { key: "caption_extension", kind: "text", standard: "" },
  { key: "flip_aug", kind: "box", standard: "" },
  { key: "is_reg", kind: "box", standard: "" },
];

/** What is typed that is no number stays, as a text that is then told to be none. */
export function cellOf(typed: string, kind: Kind): string {
  const text = typed.trim();
  if (kind === "box") return typed;
  if (kind === "number" && /^-?\d+$/.test(text)) return text;
  const sides = /^(\d+)\s*[,x×]\s*(\d+)$/.exec(text);
  if (kind === "size" && sides) return `[${sides[1]}, ${sides[2]}]`;
  if (kind === "size" && /^\d+$/.test(text)) return text;
  return JSON.stringify(typed);
}

export function typedOf(cell: string | undefined): string {
  if (cell === undefined) return "";
  const sides = /^\[(\d+), (\d+)\]$/.exec(cell);
  if (sides) return `${sides[1]}, ${sides[2]}`;
  try {
    const value = JSON.parse(cell);
    return typeof value === "string" ? value : cell;
  } catch {
    return cell;
  }
}

/** `typed` null: not given any more. */
export function withCell(cells: Cells, key: string, typed: string | null, kind: Kind): Cells {
  const { [key]: _, ...others } = cells;
  if (typed === null || typed === "") return others;
  return key in cells ? { ...cells, [key]: cellOf(typed, kind) } : { ...others, [key]: cellOf(typed, kind) };
}

/** The keys that no field shows. */
export const furtherKeys = (cells: Cells, fields: readonly FileField[]): string[] =>
  Object.keys(cells).filter((key) => key !== "image_dir" && !fields.some((field) => field.key === key));

type Dataset = DatasetDocument["datasets"][number];

export const NEW_DATASET: Dataset = {
  values: { resolution: "512", batch_size: "1", caption_extension: '".txt"', enable_bucket: "true" },
  subsets: [],
};

export const NEW_DOCUMENT: DatasetDocument = { others: {}, general: {}, datasets: [NEW_DATASET] };

export function withDataset(document: DatasetDocument, at: number, dataset: Dataset | null): DatasetDocument {
  const datasets = document.datasets.toSpliced(at, 1, ...dataset ? [dataset] : []);
  return { ...document, datasets };
}

/** All folders of a file, as they are written. */
export const foldersOf = ({ datasets }: DatasetDocument): readonly string[] =>
  datasets.flatMap(({ subsets }) => subsets.map(({ image_dir }) => typedOf(image_dir)));
