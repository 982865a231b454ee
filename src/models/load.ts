/** From model files to parameters on a device, tensor by tensor: a checkpoint is never held in memory as a whole. */

import type { DType } from "../base/dtype.ts";
import { modelPath } from "../base/assets.ts";
import { UserError } from "../base/errors.ts";
import { openCheckpoint } from "../formats/checkpoint.ts";
import type { TensorFile } from "../formats/tensor_file.ts";
import type { Graph } from "../graph/mod.ts";
import type { ParameterStore } from "../runtime/mod.ts";
import { clipConfig, clipLShapes, openClipShapes } from "./clip/mod.ts";
import { checkpointFamily, describe, type Family, identify, TEXT_ENCODERS, UNET, VAE } from "./family.ts";
import { below, clipLKey, rename, under, vaeFromDiffusers } from "./keys/mod.ts";
import { unetConfig, unetShapes } from "./unet/mod.ts";
import { vaeConfig, vaeShapes } from "./vae/mod.ts";
import type { Shapes } from "./weights.ts";

/** A model whose table of contents was read and checked; `load` brings its tensors to a device. */
export interface ModelFile {
  readonly path: string;
  readonly family: Family;
  readonly metadata: Readonly<Record<string, string>>;
  /** Every tensor of U-Net, text encoders and autoencoder under its original key. */
  readonly shapes: Shapes;
  /** Where each of them lies. */
  readonly places: ReadonlyMap<string, Place>;
  close(): void;
}

/** A tensor of the model as float32. Throws UserError where a value is not finite. */
export function weightOf({ places }: Pick<ModelFile, "places">, key: string): Float32Array {
  const { file, key: stored } = places.get(key)!;
  return file.f32(stored);
}

interface Place {
  readonly file: TensorFile;
  readonly key: string;
  readonly shape: readonly number[];
}

type Places = Map<string, Place>;

/** Opens a model file by its format. */
export type Opener = (path: string) => TensorFile;

export interface OpenOptions {
  /** An autoencoder file to use in place of the checkpoint's. */
  vae?: string;
  open?: Opener;
}

/**
 * Opens a checkpoint and checks that it is whole. UserError, one line, for a file that is something else, and for
 * missing, unknown and misshaped tensors.
 */
export function openModel(path: string, { vae, open = openCheckpoint }: OpenOptions = {}): ModelFile {
  const file = open(modelPath(path));
  const files = [file];
  try {
    const all: Places = new Map(file.keys().map((key) => [key, { file, key, shape: file.info(key).shape }]));
    const family = checkpointFamily(shapesOf(all), path);
    const places: Places = new Map();
    for (const [key, place] of all) {
      const name = originalKey(key, family, vae !== undefined);
      if (name) places.set(name, place);
    }
    if (vae !== undefined) {
      const vaeFile = open(vae);
      files.push(vaeFile);
      for (const [key, place] of vaePlaces(vaeFile)) places.set(key, place);
    }
    const shapes = shapesOf(places);
    checkWhole(shapes, family, path, vae ?? path);
    const close = () => files.forEach((f) => f.close());
    return { path, family, metadata: file.metadata, shapes, places, close };
  } catch (error) {
    files.forEach((f) => f.close());
    throw error;
  }
}

/**
 * Reads every tensor that `wanted` names once, for a job that copies them. Throws UserError naming the first that holds NaN
 * or infinity; loading notices by itself.
 */
export function requireFinite(model: Pick<ModelFile, "places">, wanted: (key: string) => boolean): void {
  for (const [name, { file, key }] of model.places) if (wanted(name)) file.requireFinite(key);
}

export interface LoadOptions {
  /** The dtype on the device. */
  dtype: DType;
  /** Another dtype for some keys: "f32" for weights that are trained. */
  storage?: (key: string) => DType;
  /** Keys to leave out. Default none. */
  skip?: (key: string) => boolean;
  /** Keys that no program changes. Default all. */
  frozen?: (key: string) => boolean;
  /** Called after each tensor. */
  progress?: (done: number, total: number) => void;
}

/** Brings a model's tensors to the store under their original keys, converted on the way. Errors name the file. */
export async function loadModel(
  model: ModelFile,
  store: ParameterStore,
  { dtype, storage = () => dtype, skip = () => false, frozen = () => true, progress }: LoadOptions,
): Promise<void> {
  const wanted = [...model.places].filter(([key]) => !skip(key));
  let done = 0;
  for (const [name, { file, key, shape }] of wanted) {
    const info = file.info(key), options = { frozen: frozen(name) };
    if (info.offset >= 0 && DIRECT.has(info.dtype)) {
      const range = { path: file.path, key, offset: info.offset, dtype: info.dtype };
      await store.readFile(name, shape, storage(name), range, options);
    } else store.upload(name, shape, storage(name), file.f32(key), options);
    progress?.(++done, wanted.length);
  }
}

/** Reads the parameters that a graph wants and the store lacks, in the graph's dtypes: the parts in use, nothing else. */
export async function loadMissing(graph: Graph, store: ParameterStore, file: ModelFile): Promise<void> {
  const wanted = new Map<string, DType>();
  for (const { source, outputs } of graph.nodes) {
    if (source?.kind === "parameter" && !store.has(source.name)) wanted.set(source.name, outputs[0].dtype);
  }
  if (wanted.size === 0) return;
  await loadModel(file, store, {
    dtype: "f32",
    storage: (key) => wanted.get(key)!,
    skip: (key) => !wanted.has(key),
  });
}

/** Element types that the runtime reads from a file by itself. */
const DIRECT = new Set(["F32", "F16", "BF16"]);

/** Below the text encoders' scope but no part of the model. */
const IGNORED = /(^|\.)(position_ids|logit_scale|attn_mask)$/;

/** The key under which a checkpoint's tensor is known, undefined for what is no part of the model. */
function originalKey(key: string, family: Family, withoutVae: boolean): string | undefined {
  if (IGNORED.test(key)) return undefined;
  if (key.startsWith(`${UNET}.`)) return key;
  if (key.startsWith(`${VAE}.`)) {
    return withoutVae || /^first_stage_model\.(loss|model_ema)\./.test(key) ? undefined : key;
  }
  for (const { scope, layout } of TEXT_ENCODERS[family]) {
    const top = layout === "clip_l" ? scope.slice(0, -"text_model".length) : `${scope}.`;
    if (!key.startsWith(top)) continue;
    if (layout === "open_clip") return key;
    const name = clipLKey(key.slice(top.length));
    return name?.startsWith("text_model.") ? top + name : undefined;
  }
  return undefined;
}

/** An autoencoder's tensors by original key, from a file with original names (with or without prefix) or diffusers'. */
function vaePlaces(file: TensorFile): Places {
  const keys = file.keys();
  const diffusers = vaeFromDiffusers(keys);
  const places: Places = new Map();
  for (const key of keys) {
    const original = diffusers ? rename(key, diffusers) : key;
    const name = original.startsWith(`${VAE}.`) ? original : `${VAE}.${original}`;
    if (!/^first_stage_model\.((en|de)coder|(post_)?quant_conv)\./.test(name)) continue;
    places.set(name, { file, key, shape: file.info(key).shape });
  }
  if (!vaeConfig(below(shapesOf(places), `${VAE}.`))) {
    const shapes = new Map(keys.map((key) => [key, file.info(key).shape]));
    throw new UserError(
      `${file.path}: is ${describe(identify(shapes))}; --vae wants a Stable Diffusion autoencoder`,
    );
  }
  return places;
}

function shapesOf(places: Places): Map<string, readonly number[]> {
  return new Map([...places].map(([key, { shape }]) => [key, shape]));
}

/** Compares what is there with what models of these numbers consist of. */
function checkWhole(shapes: Shapes, family: Family, path: string, vaePath: string): void {
  const unet = unetConfig(below(shapes, `${UNET}.`));
  if (!unet) throw new UserError(`${path}: its U-Net is incomplete; the file is damaged, get it again`);
  if (unet.inChannels !== 4) {
    throw new UserError(
      `${path}: its U-Net takes ${unet.inChannels} channels, an inpainting or editing model; ` +
        `such models are not supported yet`,
    );
  }
  compare(below(shapes, `${UNET}.`), unetShapes(unet), UNET, path);
  const vae = vaeConfig(below(shapes, `${VAE}.`));
  if (!vae) throw new UserError(`${vaePath}: has no autoencoder (${VAE}.*); give one with --vae`);
  compare(below(shapes, `${VAE}.`), vaeShapes(vae), VAE, vaePath);
  let context = 0;
  for (const { scope, layout } of TEXT_ENCODERS[family]) {
    const found = below(shapes, `${scope}.`);
    const config = clipConfig(found);
    if (!config) throw new UserError(`${path}: its text encoder (${scope}.*) is incomplete or missing`);
    compare(found, layout === "clip_l" ? clipLShapes(config) : openClipShapes(config), scope, path);
    context += config.width;
  }
  if (context !== unet.contextWidth) {
    throw new UserError(
      `${path}: its text encoder gives ${context} values a token, its U-Net takes ${unet.contextWidth}; ` +
        `the file mixes two models`,
    );
  }
}

function compare(found: Shapes, expected: Shapes, scope: string, path: string): void {
  for (const [key, shape] of under(`${scope}.`, expected)) {
    const there = found.get(key.slice(scope.length + 1));
    if (!there) throw new UserError(`${path}: ${key} is missing; the file is incomplete, get it again`);
    if (there.join() !== shape.join()) {
      throw new UserError(`${path}: ${key} is [${there.join(", ")}], this model takes [${shape.join(", ")}]`);
    }
  }
  for (const key of found.keys()) {
    if (!expected.has(key)) {
      throw new UserError(`${path}: ${scope}.${key} is no tensor of this model; use a file without it`);
    }
  }
}
