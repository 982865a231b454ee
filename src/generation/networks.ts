/** LoRA files on a model that draws: merged into its weights, or live with a multiplier that may change. */

import { UserError } from "../base/errors.ts";
import { openSafetensors } from "../formats/safetensors.ts";
import { compile, Graph } from "../graph/mod.ts";
import type { Adapter, ModelFile } from "../models/mod.ts";
import {
  adapters,
  keysOf,
  type LoadedLora,
  loadLora,
  loraAdapter,
  multiplierInput,
  recordMerge,
} from "../networks/mod.ts";
import type { ParameterStore } from "../runtime/mod.ts";
import type { GenImgConfig } from "./config.ts";
import type { NetworkInputs } from "./model.ts";

/** A file of --network_weights. */
interface Network {
  readonly path: string;
  readonly lora: LoadedLora;
  readonly multiplier: number;
  readonly merged: boolean;
}

type Flags = Pick<
  GenImgConfig,
  "networkModule" | "networkWeights" | "networkMul" | "networkArgs" | "networkMerge" | "networkMergeNModels"
>;

/** Reads the files and fits them to the model. Throws UserError for what does not fit or is not supported. */
export function openNetworks(flags: Flags, model: ModelFile): Network[] {
  if (flags.networkArgs?.length) {
    throw new UserError("--network_args has no meaning for a LoRA that is drawn with; leave it away");
  }
  const files = flags.networkWeights ?? [], modules = flags.networkModule ?? [];
  if (modules.length > files.length) {
    throw new UserError(
      `${modules.length} --network_module but ${files.length} --network_weights; give a file for each`,
    );
  }
  const merged = flags.networkMerge ? files.length : flags.networkMergeNModels ?? 0;
  return files.map((path, i) => {
    if ((modules[i] ?? "networks.lora") !== "networks.lora") {
      throw new UserError(`--network_module ${modules[i]} is not supported yet; networks.lora is`);
    }
    using file = openSafetensors(path);
    const lora = loadLora(file, model.shapes, model.family);
    return { path, lora, multiplier: flags.networkMul?.[i] ?? 1, merged: i < merged };
  });
}

export interface LiveNetworks {
  readonly count: number;
  /** Undefined where no network is live. */
  readonly adapter: ((graph: Graph) => Adapter) | undefined;
  /** `multipliers` as a prompt's --am gives them (the last holds for the rest); null takes the command line's. */
  inputs(multipliers: readonly number[] | null): NetworkInputs;
}

/** Brings the networks to the device and merges those that are to be merged; `load` reads base weights. */
export async function attachNetworks(
  networks: readonly Network[],
  store: ParameterStore,
  load: (graph: Graph) => Promise<void>,
  shapes: ModelFile["shapes"],
  dtype: "f32" | "f16" | "bf16",
): Promise<LiveNetworks> {
  const live: { network: Network; prefix: string }[] = [];
  for (const [i, network] of networks.entries()) {
    const prefix = `network${i}.`, { modules, weights } = network.lora;
    upload(store, network, prefix);
    if (!network.merged) {
      live.push({ network, prefix });
      continue;
    }
    const graph = new Graph();
    const base = (key: string) => shapes.has(key) ? { shape: shapes.get(key)!, dtype } : undefined;
    recordMerge(graph, modules, base, network.multiplier, prefix);
    await load(graph);
    const program = await compile(graph, store);
    await program.run();
    program.destroy();
    for (const key of weights.keys()) store.free(prefix + key);
  }
  const name = (prefix: string) => `${prefix}multiplier`;
  return {
    count: live.length,
    adapter: live.length === 0 ? undefined : (graph) =>
      adapters(live.map(({ network, prefix }) => {
        const multiplier = multiplierInput(graph, 1, name(prefix));
        return loraAdapter(network.lora.modules, { multiplier, prefix });
      })),
    inputs: (multipliers) => {
      const values = live.map(({ network }, i) =>
        multipliers ? multipliers[i] ?? multipliers[multipliers.length - 1] : network.multiplier
      );
      return Object.fromEntries(live.map(({ prefix }, i) => [name(prefix), Float32Array.of(values[i])]));
    },
  };
}

function upload(store: ParameterStore, { lora }: Network, prefix: string): void {
  const shapes = loraShapes(lora);
  for (const [key, values] of lora.weights) {
    store.upload(prefix + key, shapes.get(key)!, "f32", values, { frozen: true });
  }
}

function loraShapes({ modules }: LoadedLora): Map<string, readonly number[]> {
  return new Map(modules.flatMap((module): [string, readonly number[]][] => {
    const keys = keysOf(module);
    return [[keys.down, module.downShape], [keys.up, module.upShape]];
  }));
}
