/** What a file of tensors holds: family, sizes, metadata, every key. Only the header is read. */

import { modelPath } from "../base/assets.ts";
import { counted } from "../base/phrases.ts";
import { openCheckpoint } from "../formats/checkpoint.ts";
import { openAnyLayout } from "../models/mod.ts";
import { isDiffusersFolder } from "../options/model_path.ts";
import { toF32 } from "../formats/tensor_file.ts";
import { describe, FAMILIES, type Family, identify, type Identity } from "../models/families/mod.ts";
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
  readonly kind: Identity["kind"];
  /** SD1, SDXL; null where the file does not tell. */
  readonly family: string | null;
  /** Of a network: every one that a module has, the smallest first. */
  readonly ranks: readonly number[];
  readonly alphas: readonly number[];
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
  const network = identity.kind === "lora";
  const alphas = network
    ? distinct(tensors.filter(isAlpha).map((row) => toF32(row.dtype, file.bytes(row.key))[0]))
    : [];
  const ranks = network ? distinct(tensors.filter(isDown).map((row) => row.shape[0])) : [];
  const model = identity.kind === "checkpoint" ? identity.family.label : null;
  return {
    path,
    bytes: folder
      ? file.keys().reduce((sum, key) => sum + file.info(key).bytes, 0)
      : Deno.statSync(modelPath(path)).size,
    what: network ? loraText(tensors, ranks, alphas) : describe(identity),
    kind: identity.kind,
    family: network ? loraFamily(tensors)?.label ?? null : model,
    ranks,
    alphas,
    elements,
    metadata: file.metadata,
    tensors,
  };
}

const isAlpha = (row: TensorRow) => row.key.endsWith(".alpha") && row.shape.reduce((a, b) => a * b, 1) === 1;

const isDown = (row: TensorRow) => /lora_(down|A)\.weight$/.test(row.key);

function loraText(
  tensors: readonly TensorRow[],
  ranks: readonly number[],
  alphas: readonly number[],
): string {
  const keys = tensors.map((row) => row.key);
  const others = [...new Set(keys.map(otherNetwork).filter((kind) => kind !== null))];
  const kinds = kindNames(tensors), only = kinds.every((kind) => kind === "LoRA");
  const embeddings = [...new Set(keys.map(bundledEmbedding).filter((name) => name !== null))];
  const parts = [
    others.length
      ? `a ${others.join(" and ")} network, not supported yet`
      : (only ? "a LoRA" : `a network of ${kinds.join(" and ")}`) + forModel(tensors),
  ];
  if (ranks.length) parts.push(`rank ${ranks.join(", ")}`);
  if (alphas.length) parts.push(`alpha ${alphas.join(", ")}`);
  const modules = tensors.filter(isDown).length;
  if (modules) parts.push(counted(modules, "module"));
  if (embeddings.length) parts.push(`with embeddings beside it: ${embeddings.join(", ")}`);
  return parts.join(", ");
}

function forModel(tensors: readonly TensorRow[]): string {
  const width = textWidth(tensors), family = loraFamily(tensors);
  if (!family && width === null) return "";
  return ` for ${family ? family.label : `a model with text of width ${width}`}`;
}

/** Told by keys that only one family has and by the width of the text that cross attention reads. */
function loraFamily(tensors: readonly TensorRow[]): Family | undefined {
  return FAMILIES.find(({ sites }) => tensors.some(({ key }) => sites.keys?.test(key))) ??
    FAMILIES.find(({ sites }) => sites.contextWidth === textWidth(tensors));
}

function textWidth(tensors: readonly TensorRow[]): number | null {
  return tensors.find((row) => /attn2_to_k\.lora_down\.weight$/.test(row.key))?.shape[1] ?? null;
}

function distinct(values: readonly number[]): number[] {
  return [...new Set(values)].sort((a, b) => a - b);
}
