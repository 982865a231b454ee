/** From model files to parameters on a device, tensor by tensor: a checkpoint is never held in memory as a whole. */

import type { DType } from "../base/dtype.ts";
import type { Graph } from "../graph/mod.ts";
import type { ParameterStore } from "../runtime/mod.ts";
import type { ModelFile } from "./open.ts";

/** A tensor of the model as float32. Throws UserError where a value is not finite. */
export function weightOf({ places }: Pick<ModelFile, "places">, key: string): Float32Array {
  const { file, key: stored } = places.get(key)!;
  return file.f32(stored);
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
  model: Pick<ModelFile, "places">,
  store: ParameterStore,
  { dtype, storage = () => dtype, skip = () => false, frozen = () => true, progress }: LoadOptions,
): Promise<void> {
  const wanted = [...model.places].filter(([key]) => !skip(key));
  let done = 0;
  for (const [name, { file, key, shape }] of wanted) {
    const info = file.info(key), options = { frozen: frozen(name) };
    if (info.offset >= 0 && DIRECT.has(info.dtype)) {
      const range = { path: info.path ?? file.path, key, offset: info.offset, dtype: info.dtype };
      await store.readFile(name, shape, storage(name), range, options);
    } else store.upload(name, shape, storage(name), file.f32(key), options);
    progress?.(++done, wanted.length);
  }
}

/** Reads the parameters that a graph wants and the store lacks, in the graph's dtypes: the parts in use, nothing else. */
export async function loadMissing(
  graph: Graph,
  store: ParameterStore,
  file: Pick<ModelFile, "places">,
): Promise<void> {
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
