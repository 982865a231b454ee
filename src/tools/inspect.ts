/** What a file of tensors holds: family, sizes, metadata, every key. Only the header is read. */

import { modelPath } from "../base/assets.ts";
import { counted } from "../base/phrases.ts";
import { openCheckpoint } from "../formats/checkpoint.ts";
import { openAnyLayout } from "../models/mod.ts";
import { isDiffusersFolder } from "../options/model_path.ts";
import { toF32 } from "../formats/tensor_file.ts";
import { describe, FAMILIES, identify } from "../models/families/mod.ts";
import { bundledEmbedding, kindNames, otherNetwork } from "../networks/mod.ts";

export interface TensorRow {
  readonly key: string;
  readonly dtype: string;
  readonly shape: readonly number[];
}

export interface Inspection {
  readonly path: string;
  readonly bytes: number;
  /** In words: "an SD1 checkpoint", "a LoRA for SDXL, rank 16, alpha 8". */
  readonly what: string;
  /** Elements by dtype. */
  readonly elements: Readonly<Record<string, number>>;
  readonly metadata: Readonly<Record<string, string>>;
  readonly tensors: readonly TensorRow[];
}

/** Reads a file's table of contents. Throws UserError when the file is damaged or something else. */
export function inspectFile(path: string): Inspection {
  const folder = isDiffusersFolder(modelPath(path));
  using file = folder ? openAnyLayout(path) : openCheckpoint(path);
  const tensors: TensorRow[] = [];
  const elements: Record<string, number> = {};
  for (const key of file.keys()) {
    const { dtype, shape } = file.info(key);
    tensors.push({ key, dtype, shape });
    elements[dtype] = (elements[dtype] ?? 0) + shape.reduce((a, b) => a * b, 1);
  }
  const shapes = new Map(tensors.map((row) => [row.key, row.shape]));
  const identity = identify(shapes);
  const alphas = () =>
    distinct(tensors.filter(isAlpha).map((row) => toF32(row.dtype, file.bytes(row.key))[0]));
  const what = identity.kind === "lora" ? loraText(tensors, alphas()) : describe(identity);
  return {
    path,
    bytes: folder
      ? file.keys().reduce((sum, key) => sum + file.info(key).bytes, 0)
      : Deno.statSync(modelPath(path)).size,
    what,
    elements,
    metadata: file.metadata,
    tensors,
  };
}

const isAlpha = (row: TensorRow) => row.key.endsWith(".alpha") && row.shape.reduce((a, b) => a * b, 1) === 1;

function loraText(tensors: readonly TensorRow[], alphas: readonly number[]): string {
  const ranks = distinct(
    tensors.filter((row) => /lora_(down|A)\.weight$/.test(row.key)).map((row) => row.shape[0]),
  );
  const keys = tensors.map((row) => row.key);
  const others = [...new Set(keys.map(otherNetwork).filter((kind) => kind !== null))];
  const kinds = kindNames(tensors), only = kinds.every((kind) => kind === "LoRA");
  const embeddings = [...new Set(keys.map(bundledEmbedding).filter((name) => name !== null))];
  const parts = [
    others.length
      ? `a ${others.join(" and ")} network, not supported yet`
      : (only ? "a LoRA" : `a network of ${kinds.join(" and ")}`) + loraFamily(tensors),
  ];
  if (ranks.length) parts.push(`rank ${ranks.join(", ")}`);
  if (alphas.length) parts.push(`alpha ${alphas.join(", ")}`);
  const modules = tensors.filter((row) => /lora_(down|A)\.weight$/.test(row.key)).length;
  if (modules) parts.push(counted(modules, "module"));
  if (embeddings.length) parts.push(`with embeddings beside it: ${embeddings.join(", ")}`);
  return parts.join(", ");
}

/** Told by keys that only one family has and by the width of the text that cross attention reads. */
function loraFamily(tensors: readonly TensorRow[]): string {
  const named = FAMILIES.find(({ sites }) => tensors.some(({ key }) => sites.keys?.test(key)));
  if (named) return ` for ${named.label}`;
  const key = tensors.find((row) => /attn2_to_k\.lora_down\.weight$/.test(row.key));
  if (!key) return "";
  const width = key.shape[1], family = FAMILIES.find(({ sites }) => sites.contextWidth === width);
  return ` for ${family ? family.label : `a model with text of width ${width}`}`;
}

function distinct(values: readonly number[]): number[] {
  return [...new Set(values)].sort((a, b) => a - b);
}
