/** Training a LoRA on a frozen model: the step behind `easel train_network`. */
import { UsageError } from "../../base/errors.ts";
import type { Graph } from "../../graph/mod.ts";
import { type AdapterOptions, loraAdapter, multiplierInput } from "../../networks/joining/adapter.ts";
import { addUnread, drawMasks, type LayerDraws } from "../../networks/joining/masks.ts";
import { hasNorm, recordNormLimit } from "../../networks/joining/norms.ts";
import { tensorShapes } from "../../networks/kinds/first_weights.ts";
import type { NetworkModule } from "../../networks/kinds/kind.ts";
import type { LoraOptions } from "../../networks/sites/args.ts";
import { parameterGroups } from "../../networks/sites/groups.ts";
import { loadMissing } from "../../models/mod.ts";
import type { ParameterStore } from "../../runtime/mod.ts";
import { type BaseModel, predictNoise } from "./base_model.ts";
import type { OptimizerConfig, StepConfig } from "../options.ts";
import { computeDtype, frozenDtype, trainedDtype } from "../dtypes.ts";
import { DiffusionTraining } from "../step/diffusion_training.ts";
import type { LatentsShape } from "../objective/loss.ts";
import { MULTIPLIER } from "../objective/examples.ts";
import type { Inputs } from "../step/step.ts";
import { allocateGroups, allocateResting, type ParameterGroup, type Resting } from "../step/trainable.ts";

export interface NetworkTrainingConfig extends StepConfig, OptimizerConfig {
  /** sd-scripts' release that is repeated; null: none. */
  readonly compat: string | null;
  readonly unetLr: number | null;
  readonly textEncoderLr: number | null;
  /** Largest norm of a module's alpha / rank * up down; null or 0 leaves them alone. */
  readonly scaleWeightNorms: number | null;
}

export interface LoraNetwork {
  /** Of the parts that are trained. */
  readonly modules: readonly NetworkModule[];
  readonly options: LoraOptions;
  /** First values of every tensor by file key. */
  readonly weights: ReadonlyMap<string, Float32Array>;
}

export interface NetworkTrainingOptions {
  /** Whether batches say how strongly the network takes part: the datasets' network_multiplier. */
  readonly multiplied?: boolean;
  /** Gives the store the model's weights that a graph needs; default: as the model's file has them. */
  readonly load?: (graph: Graph) => Promise<void>;
}

/** The network's weights are parameters under their file keys, float32 or as --full_bf16 says; the model's are read when first needed. */
export function networkTraining(
  store: ParameterStore,
  model: BaseModel,
  network: LoraNetwork,
  config: NetworkTrainingConfig,
  { load, multiplied = false }: NetworkTrainingOptions = {},
): DiffusionTraining {
  const { modules, options, weights } = network;
  const read = modules.filter((module) => isRead(module, model, config.clipSkip));
  const groups = networkGroups({ ...network, modules: read }, config);
  if (groups.length === 0) {
    throw new UsageError(
      "every part of the network has a learning rate of 0, so nothing would be trained; raise --learning_rate, " +
        "--unet_lr, --text_encoder_lr or the lr_weights of --network_args",
    );
  }
  const held = trainedDtype(config), resting = restingOf({ ...network, modules: read }, config, groups);
  allocateResting(store, resting);
  allocateGroups(store, groups, { gradients: !config.fusedBackwardPass });
  for (const [key, shape] of tensorShapes(modules)) store.upload(key, shape, held, weights.get(key)!);
  const drawsOf = new Map<string, LayerDraws[]>();
  const draws = (
    { batch, height, width, chunks }: Pick<LatentsShape, "batch" | "height" | "width" | "chunks">,
  ) => {
    const key = [batch, height, width, chunks].join();
    if (!drawsOf.has(key)) drawsOf.set(key, []);
    return drawsOf.get(key)!;
  };
  const { dropout, rankDropout, rowDropout, moduleDropout } = options;
  const predict = (dropped: AdapterOptions) =>
    predictNoise(model, {
      dtype: computeDtype(config.mixedPrecision),
      storage: frozenDtype(config),
      adapter: (graph) =>
        loraAdapter(modules, {
          ...{ held, ...dropped },
          multiplier: multiplied ? multiplierInput(graph, 1, MULTIPLIER) : undefined,
        }),
      clipSkip: config.clipSkip,
      weightedCaptions: config.weightedCaptions,
    });
  return new DiffusionTraining(store, config, {
    ...{ groups, resting },
    predict: (graph, noisy, timesteps, shape) => {
      const list = draws(shape);
      list.length = 0;
      const dropped = { dropout, rankDropout, rowDropout, moduleDropout, draws: list };
      const prediction = predict(dropped)(graph, noisy, timesteps, shape);
      addUnread(list, modules);
      return prediction;
    },
    predictWhole: predict({}),
    load: load ?? (async (graph) => {
      if (model.file) await loadMissing(graph, store, model.file);
    }),
    reached: isApart(network)
      ? (inputs) => groups.map((group) => isReached(network, group, inputs))
      : undefined,
    limitNorms: config.scaleWeightNorms && modules.some(hasNorm)
      ? (graph) => recordNormLimit(graph, modules, config.scaleWeightNorms!, held)
      : undefined,
    limitsGathered: config.compat !== null,
    masks: (part, shape, generators, channelsLast) =>
      drawMasks(draws(shape).filter((d) => isText(d) === (part === "text")), generators, channelsLast),
  });
}

/** Whether a layer's masks belong to a text encoder, which runs before the noise is drawn. */
function isText({ name }: LayerDraws): boolean {
  return name.startsWith("lora_te");
}

/**
 * Whether captions are read at or behind a module's layer. Text encoders' last layers may not be (--clip_skip, SDXL's
 * first encoder): without a gradient PyTorch's optimizers pass over them, and their weights do not decay either.
 */
function isRead(
  { path, part }: NetworkModule,
  { family, shapes }: Pick<BaseModel, "family" | "shapes">,
  clipSkip: number | null,
): boolean {
  const { textEncoders, text } = family, layer = layerIn(path);
  const encoder = textEncoders.find(({ scope }) => path.startsWith(`${scope}.`));
  if (part === "unet" || !encoder || layer === null) return true;
  if (text.pooled && encoder === textEncoders.at(-1)) return true; // whose last state is pooled
  const own = [...shapes.keys()].filter((key) => key.startsWith(`${encoder.scope}.`));
  const layers = encoder.usedLayers(Math.max(...own.map((key) => layerIn(key) ?? 0)) + 1);
  return layer <= layers - text.trainedLayer(clipSkip);
}

function layerIn(path: string): number | null {
  const found = /\.(?:layers|resblocks)\.(\d+)\./.exec(path)?.[1];
  return found === undefined ? null : Number(found);
}

/** One group for each learning rate, named as sd-scripts' logs name it. */
export function networkGroups(network: LoraNetwork, config: NetworkTrainingConfig): ParameterGroup[] {
  const shapes = tensorShapes(network.modules);
  const rates = { default: config.learningRate, unet: config.unetLr, textEncoder: config.textEncoderLr };
  return parameterGroups(network.modules, network.options, rates).flatMap(({ description, lr, keys }) => {
    const parts = isApart(network)
      ? Object.values(Object.groupBy(keys, (key) => partOf(network, key)))
      : [keys];
    return parts.map((part) => ({
      name: description,
      learningRate: lr,
      dtype: trainedDtype(config),
      parameters: part!.map((name) => ({ name, shape: shapes.get(name)! })),
    }));
  });
}

/**
 * What of a network is in no group and has gradients all the same in sd-scripts 0.9.1, by whose norm the others are
 * clipped; nothing where that is not repeated. A scaled loss would make them infinite there.
 */
function restingOf(
  { modules }: LoraNetwork,
  config: NetworkTrainingConfig,
  groups: readonly ParameterGroup[],
): Resting[] {
  const { compat, maxGradNorm, mixedPrecision, fusedBackwardPass } = config;
  if (compat === null || maxGradNorm === 0 || mixedPrecision === "fp16" || fusedBackwardPass) return [];
  const stepping = new Set(groups.flatMap(({ parameters }) => parameters.map(({ name }) => name)));
  const found = modules.flatMap(({ name: module, kind, tensors }) =>
    Object.entries(tensors).map(([suffix, shape]) => {
      const gathered = kind.trains?.(suffix) ?? true ? "gathered" : null;
      return { name: `${module}.${suffix}`, shape, rests: kind.rests?.(suffix) ?? gathered };
    })
  ).filter(({ name }) => !stepping.has(name));
  const dtype = trainedDtype(config);
  return (["gathered", "cleared"] as const).map((how) => ({
    ...{ name: how, dtype, gathers: how === "gathered" },
    parameters: found.filter(({ rests }) => rests === how),
  })).filter(({ parameters }) => parameters.length > 0);
}

/** Whether a batch may give gradients to some tensors only; then these have groups of their own. */
function isApart({ modules, options }: LoraNetwork): boolean {
  return options.moduleDropout != null || modules.some(({ kind }) => kind.reaches);
}

/** Tensors of one answer get a gradient from a batch, or not, together. */
function partOf({ modules }: LoraNetwork, key: string): string {
  const [name, suffix] = split(key);
  const { reaches } = modules.find((module) => module.name === name)!.kind;
  return reaches ? `${name} ${reaches.part(suffix)}` : name;
}

/** What a dropped module or rank has is no gradient at all, so that the optimizer passes over it. */
function isReached({ modules, options }: LoraNetwork, group: ParameterGroup, inputs: Inputs): boolean {
  const [name, suffix] = split(group.parameters[0].name);
  // norms have no mask: they join by their weights
  const mask = options.moduleDropout == null ? undefined : inputs[`${name}.module_mask`];
  if (mask && mask[0] !== 1) return false;
  const module = modules.find((module) => module.name === name)!;
  return module.kind.reaches?.reached(module, suffix, (what) => inputs[`${name}.${what}`] as Float32Array) ??
    true;
}

/** lora_unet_..._to_q.lora_down.weight -> its module and what follows. */
function split(key: string): [name: string, suffix: string] {
  const dot = key.indexOf(".");
  return [key.slice(0, dot), key.slice(dot + 1)];
}
