/** --base_weights: LoRA files merged into the model before a network is trained on it. */
import type { DType } from "../../base/dtype.ts";
import type { JobContext } from "../../base/job.ts";
import { openCheckpoint } from "../../formats/mod.ts";
import { compile, Graph } from "../../graph/mod.ts";
import { loadMissing, loadModel, type ModelFile } from "../../models/mod.ts";
import {
  asSeen,
  basesOf,
  type LoadedLora,
  loadLora,
  type NetworkModule,
  type Note,
  recordMerge,
  tensorShapes,
} from "../../networks/mod.ts";
import { ParameterStore } from "../../runtime/mod.ts";
import type { TrainNetworkConfig } from "../options.ts";

/** One file of --base_weights. */
export interface BaseNetwork {
  readonly path: string;
  readonly lora: LoadedLora;
  readonly multiplier: number;
}

/** Reads the files and fits them to the model; a multiplier that is not given is 1. Throws UserError. */
export function openBaseNetworks(
  { baseWeights, baseWeightsMultiplier, compat }: Pick<
    TrainNetworkConfig,
    "baseWeights" | "baseWeightsMultiplier" | "compat"
  >,
  model: Pick<ModelFile, "shapes" | "family">,
  note: Note,
): BaseNetwork[] {
  return (baseWeights ?? []).map((path, i) => {
    using file = openCheckpoint(path);
    const lora = asSeen(loadLora(file, model.shapes, model.family, note), compat !== null);
    return { path, lora, multiplier: baseWeightsMultiplier?.[i] ?? 1 };
  });
}

/**
 * How a graph's missing parameters get into the store when networks lie under it: the weights that they change are read as
 * float32, merged on the device one after the other and rounded once, to what the graph stores.
 */
export function loadMerged(
  networks: readonly BaseNetwork[],
  model: ModelFile,
  store: ParameterStore,
  context: Pick<JobContext, "signal" | "progress">,
): (graph: Graph) => Promise<void> {
  const changed = new Set(
    networks.flatMap(({ lora }) => lora.modules.flatMap((m) => basesOf(m, (key) => model.shapes.has(key)))),
  );
  return async (graph) => {
    const wanted = new Map<string, DType>();
    for (const { source, outputs } of graph.nodes) {
      if (source?.kind !== "parameter" || store.has(source.name) || !changed.has(source.name)) continue;
      wanted.set(source.name, outputs[0].dtype);
    }
    let done = 0;
    for (const [key, dtype] of wanted) {
      context.signal.throwIfAborted();
      const values = await mergedWeight(key, networks, model, store);
      store.upload(key, model.shapes.get(key)!, dtype, values, { frozen: true });
      context.progress({ task: "merging", step: ++done, total: wanted.size });
    }
    await loadMissing(graph, store, model);
  };
}

/** A weight of the model with every network's share, float32. */
async function mergedWeight(
  key: string,
  networks: readonly BaseNetwork[],
  model: ModelFile,
  { device }: ParameterStore,
): Promise<Float32Array> {
  const { shapes } = model, has = (k: string) => shapes.has(k);
  const store = new ParameterStore(device);
  try {
    const touches = (module: NetworkModule) => basesOf(module, has).includes(key);
    const needed = new Set(
      networks.flatMap(({ lora }) => lora.modules.filter(touches).flatMap((module) => basesOf(module, has))),
    );
    await loadModel(model, store, { dtype: "f32", skip: (other) => !needed.has(other), frozen: () => false });
    const graph = new Graph();
    networks.forEach(({ lora, multiplier }, i) => {
      const prefix = `network${i}.`;
      const modules = lora.modules.filter(touches);
      for (const [name, shape] of tensorShapes(modules)) {
        store.upload(prefix + name, shape, "f32", lora.weights.get(name)!);
      }
      const base = (k: string) => has(k) ? { shape: shapes.get(k)!, dtype: "f32" as const } : undefined;
      recordMerge(graph, modules, base, multiplier, prefix);
    });
    const program = await compile(graph, store);
    try {
      await program.run();
    } finally {
      program.destroy();
    }
    return store.download(key);
  } finally {
    store.destroy();
  }
}
