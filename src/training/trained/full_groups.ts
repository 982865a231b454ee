/** Which weights of a whole model are trained, and at which rates: the flags of fine_tune, train_db and sdxl_train. */
import { UsageError } from "../../base/errors.ts";
import { gradients, Graph } from "../../graph/mod.ts";
import { type Family, type Latent, type Shapes, tensorsIn, UNET } from "../../models/mod.ts";
import { blockRates, type FullOptions } from "./full_options.ts";
import { diffusionLoss, type Predict } from "../objective/loss.ts";
import { trainedDtype } from "../dtypes.ts";
import type { TrainingConfig } from "../options.ts";
import type { ParameterGroup, Resting, Trainable, TrainedDtype } from "../step/trainable.ts";

/** A part of the model with one rate. */
interface Part {
  /** As sd-scripts' logs call it. */
  readonly name: string;
  readonly learningRate: number;
  has(key: string): boolean;
}

/** The parts that are trained, in the order of sd-scripts' optimizer. Throws UsageError for rates that do not fit. */
function trainedParts(family: Family, options: FullOptions): Part[] {
  return [...unetParts(family, options), ...textParts(family, options)];
}

/**
 * A part whose rate is 0 is left out. sd-scripts' train_db and fine_tune, which are for one text encoder, have it in the
 * optimizer all the same: the other part is clipped by the norm of both.
 */
const takesPart = (family: Family, { compat }: FullOptions) => ({ learningRate }: { learningRate: number }) =>
  learningRate !== 0 || (compat !== null && family.textEncoders.length === 1);

function unetParts(family: Family, options: FullOptions): Part[] {
  const { learningRate, blockLr } = options;
  if (!takesPart(family, options)({ learningRate })) return [];
  if (blockLr === null) return [{ name: "unet", learningRate, has: (key) => key.startsWith(`${UNET}.`) }];
  return blockParts(blockLr).filter((part) => part.learningRate !== 0);
}

const blockParts = (blockLr: string): Part[] =>
  blockRates(blockLr).map((rate, block) => ({
    name: `block${block}`,
    learningRate: rate,
    has: (key: string) => blockOf(key) === block,
  }));

/** What decides whether there is a norm of all gradients to clip by. */
type Clipping = Pick<TrainingConfig, "maxGradNorm" | "mixedPrecision" | "fusedBackwardPass">;

/**
 * Blocks whose rate is 0 and whose gradients sd-scripts 0.9.1 computes all the same: the optimizer, which would clear them,
 * does not know them, and the others are clipped by the norm of all. A scaled loss would make them infinite there.
 */
function restingParts(options: FullOptions & Clipping): Part[] {
  const { learningRate, blockLr, compat, maxGradNorm, mixedPrecision } = options;
  const fused = options.fusedBackwardPass || options.fusedOptimizerGroups !== null;
  if (compat === null || blockLr === null || learningRate === 0) return [];
  if (maxGradNorm === 0 || mixedPrecision === "fp16" || fused) return [];
  return blockParts(blockLr).filter((part) => part.learningRate === 0);
}

/** Whether a checkpoint's key is among those that have gradients without being trained. */
export const rests = (options: FullOptions & Clipping, key: string): boolean =>
  restingParts(options).some((part) => part.has(key));

/** Blocks that rest, see Resting. */
export function restingBlocks(
  { latent }: Family,
  shapes: Shapes,
  options: FullOptions & Clipping,
  predict: Predict,
): Resting[] {
  const parts = restingParts(options), dtype = trainedDtype(options);
  const keys = [...shapes.keys()].filter((key) => parts.some((part) => part.has(key)));
  if (keys.length === 0) return [];
  const reached = reachedKeys(keys, shapes, predict, dtype, latent);
  const parameters = keys.filter((key) => reached.has(key)).map((name) => ({
    name,
    shape: shapes.get(name)!,
  }));
  return [{ name: "resting", dtype, parameters, gathers: true }];
}

function textParts(family: Family, options: FullOptions): Part[] {
  if (!options.trainTextEncoder) return [];
  const { stopTextEncoderTraining: stop, learningRate, learningRateTe } = options;
  if (stop !== null && stop <= 0) return [];
  const own = [options.learningRateTe1, options.learningRateTe2];
  return family.textEncoders.map(({ scope }, i) => ({
    name: `text_encoder${i + 1}`,
    learningRate: own[i] ?? learningRateTe ?? learningRate,
    has: (key: string) => key.startsWith(`${scope}.`),
  })).filter(takesPart(family, options));
}

/** The embeddings are 0, input blocks 1 to 9, the middle's layers 10 to 12, output blocks 13 to 21, the head 22. */
function blockOf(key: string): number {
  const [, place, number] = /^model\.diffusion_model\.([a-z_]+)\.(\d+)/.exec(key) ?? [];
  switch (place) {
    case "time_embed":
    case "label_emb":
      return 0;
    case "input_blocks":
      return 1 + Number(number);
    case "middle_block":
      return 10 + Number(number);
    case "output_blocks":
      return 13 + Number(number);
    case "out":
      return 22;
    default:
      return -1;
  }
}

/** Whether a checkpoint's key is among the trained ones. */
export function isTrained(family: Family, options: FullOptions, key: string): boolean {
  return trainedParts(family, options).some((part) => part.has(key));
}

/** "U-Net and text encoder": what is trained, in words. */
export function trainedText(family: Family, options: FullOptions): string {
  const parts = trainedParts(family, options).filter(({ learningRate }) => learningRate !== 0),
    text = parts.filter(({ name }) => name.startsWith("text_encoder"));
  const encoders = family.textEncoders.length > 1 && text.length === 1
    ? `text encoder ${text[0].name.at(-1)}`
    : text.length > 1
    ? "text encoders"
    : "text encoder";
  const words = [...text.length < parts.length ? ["U-Net"] : [], ...text.length ? [encoders] : []];
  return words.join(" and ");
}

/**
 * The trained parts' weights as groups. Weights that a step gives no gradient stay out, so that no decay shrinks them:
 * layers that --clip_skip passes over, and the last one of SDXL's first text encoder. Throws UsageError where nothing
 * is left.
 */
export function fullGroups(
  family: Family,
  shapes: Shapes,
  options: FullOptions,
  predict: Predict,
): ParameterGroup[] {
  const parts = trainedParts(family, options);
  const keys = [...shapes.keys()].filter((key) => parts.some((part) => part.has(key)));
  const dtype = trainedDtype(options), reached = reachedKeys(keys, shapes, predict, dtype, family.latent);
  const groups = parts.map(({ name, learningRate, has }) => ({
    name,
    learningRate,
    dtype,
    parameters: keys.filter((key) => has(key) && reached.has(key)).map((key): Trainable => ({
      name: key,
      shape: shapes.get(key)!,
      parts: tensorsIn(key), // sd-scripts trains text encoders as transformers has them
    })),
  })).filter(({ parameters }) => parameters.length > 0);
  if (groups.some(({ learningRate }) => learningRate !== 0)) return groups;
  throw new UsageError("all learning rates are 0, so nothing would be trained; raise one of them");
}

/** Of latents that any U-Net can halve. */
const SIDE = 2 ** 3;

/** The keys whose weights have a gradient, as a step of the smallest size records it. */
function reachedKeys(
  keys: readonly string[],
  shapes: Shapes,
  predict: Predict,
  dtype: TrainedDtype,
  latent: Latent,
): Set<string> {
  const graph = new Graph();
  const smallest = {
    batch: 1,
    channels: latent.channels,
    height: SIDE,
    width: SIDE,
    chunks: 1,
    masked: false,
  };
  const { loss } = diffusionLoss(predict, "l2")(graph, smallest);
  const found = gradients(loss, keys.map((key) => graph.parameter(key, shapes.get(key)!, dtype)));
  return new Set(keys.filter((_, i) => found[i] !== null));
}
