/** The model under training: a checkpoint's shapes and file, recorded as text encoder and U-Net. */
import type { DType } from "../base/dtype.ts";
import { UserError } from "../base/errors.ts";
import { openSafetensors, type SafetensorsFile } from "../formats/safetensors.ts";
import type { Graph } from "../graph/mod.ts";
import { unet } from "../models/unet/mod.ts";
import { type Adapter, type Shapes, Weights } from "../models/weights.ts";
import { type Family, familyOf } from "../networks/targets.ts";
import type { ParameterStore } from "../runtime/mod.ts";
import { conditioning } from "./conditioning.ts";
import type { Predict } from "./loss.ts";

/** Where a model's weights come from: a file, or only shapes when all weights are made elsewhere. */
export interface BaseModel {
  readonly shapes: Shapes;
  readonly family: Family;
  readonly file: SafetensorsFile | null;
}

/** Opens a checkpoint in the original Stable Diffusion layout. Throws UserError when it has no U-Net. */
export function openBaseModel(path: string): BaseModel {
  const file = openSafetensors(path);
  const shapes = new Map(file.keys().map((key) => [key, file.info(key).shape]));
  if (!shapes.has("model.diffusion_model.input_blocks.0.0.weight")) {
    throw new UserError(`${path}: has no U-Net; give a whole Stable Diffusion checkpoint (.safetensors)`);
  }
  return { shapes, family: familyOf(shapes), file };
}

export const UNET = "model.diffusion_model";
export const VAE = "first_stage_model";

/** What a pipeline multiplies latents by. */
export const vaeScale = (family: Family) => family === "sdxl" ? 0.13025 : 0.18215;

/** Attention heads at a width: always 8 in SD1, 64 channels each in SD2 and SDXL. */
export const headsFor = (family: Family) => (channels: number) => family === "sd1" ? 8 : channels / 64;

export interface PredictOptions {
  /** Activations and frozen weights. */
  readonly dtype: DType;
  /** Keys stored in another dtype: float32 of what is trained. */
  readonly storage?: (key: string) => DType;
  readonly adapter?: (graph: Graph, batch: number) => Adapter;
  readonly clipSkip: number | null;
  readonly checkpointing: boolean;
}

/** Captions through the text encoders, latents through the U-Net. */
export function predictNoise(model: BaseModel, options: PredictOptions): Predict {
  return (graph, noisy, timesteps, { batch, chunks }) => {
    const { dtype, storage, clipSkip, checkpointing } = options;
    const adapter = options.adapter?.(graph, batch);
    const weights = Weights.over(graph, model.shapes, { dtype, storage, adapter, source: model.file?.path });
    const text = conditioning(graph, weights, model.family, batch, chunks, { clipSkip, checkpointing });
    const heads = headsFor(model.family);
    return unet(noisy, timesteps, text.context, weights.at(UNET), {
      heads,
      vector: text.vector,
      checkpointing,
    });
  };
}

/** Reads the parameters that a graph wants and the store lacks: the weights of the parts in use, nothing else. */
export async function loadMissing(graph: Graph, store: ParameterStore, file: SafetensorsFile): Promise<void> {
  for (const { source, outputs } of graph.nodes) {
    if (source?.kind !== "parameter" || store.has(source.name)) continue;
    const { offset, dtype } = file.info(source.name);
    const range = { path: file.path, offset, dtype };
    await store.readFile(source.name, outputs[0].shape, outputs[0].dtype, range, { frozen: true });
  }
}
