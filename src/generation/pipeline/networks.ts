/** LoRA files on a model that draws: merged into its weights, or live with a multiplier that may change. */

import { UsageError, UserError } from "../../base/errors.ts";
import { dataSha256 } from "../../formats/model_hash.ts";
import { openCheckpoint } from "../../formats/checkpoint.ts";
import { compile, Graph } from "../../graph/mod.ts";
import type { Pixels } from "../../images/pixels.ts";
import type { Family, ModelFile } from "../../models/mod.ts";
import { regionalAdapter, regionsOf } from "../techniques/regions.ts";
import {
  adapterOf,
  asSeen,
  type LoadedLora,
  loadLora,
  loraBranch,
  multiplierInput,
  networkNamed,
  type Note,
  recordMerge,
  tensorShapes,
} from "../../networks/mod.ts";
import type { ParameterStore } from "../../runtime/mod.ts";
import { type LoraTag, loraTagText } from "../../text/mod.ts";
import type { GenImgConfig } from "../groups.ts";
import type { LoraPath } from "../prompts/lora_files.ts";
import type { DrawingModel, NetworkInputs } from "./model.ts";
import type { Settings } from "../prompts/requests.ts";

interface Network extends LoraPath {
  readonly lora: LoadedLora;
  /** What the command line gives. */
  readonly multiplier: number;
  readonly merged: boolean;
  /** By which web interfaces know the file. */
  readonly hash: string;
}

type Flags = Pick<
  GenImgConfig,
  | "networkModule"
  | "networkWeights"
  | "networkMul"
  | "networkArgs"
  | "networkMerge"
  | "networkMergeNModels"
  | "compat"
>;

/** Reads the files and fits them to the model; `show` gets the metadata of each. Throws UserError for what does not fit or is not supported. */
export function openNetworks(
  flags: Flags,
  paths: readonly LoraPath[],
  model: Pick<ModelFile, "shapes" | "family">,
  note: Note,
  show: (text: string) => void = () => {},
): Network[] {
  if (flags.networkArgs?.length) {
    throw new UsageError("--network_args has no meaning for a LoRA that is drawn with; leave it away");
  }
  const listed = flags.networkWeights?.length ?? 0, modules = flags.networkModule ?? [];
  if (modules.length > listed) {
    throw new UsageError(
      `${modules.length} --network_module but ${listed} --network_weights; give a file for each`,
    );
  }
  const merged = flags.networkMerge ? listed : Math.min(listed, flags.networkMergeNModels ?? 0);
  return paths.map((place, i) => {
    if (modules[i] !== undefined) networkNamed(modules[i]); // what a file is, it says itself
    using file = openCheckpoint(place.path);
    show(`${place.path}: metadata ${JSON.stringify(file.metadata)}`);
    const lora = asSeen(loadLora(file, model.shapes, model.family, note), flags.compat !== null);
    const hash = file.metadata.sshs_model_hash ?? dataSha256(place.path);
    const multiplier = place.listed ? flags.networkMul?.[i] ?? 1 : 1;
    return { ...place, lora, multiplier, merged: i < merged, hash };
  });
}

/** What a picture says of its networks: --am (the last number holds for the rest; null takes the command line's), tags. */
export type Wishes = Pick<Settings, "networkMultipliers" | "loras">;

/** A network that takes part in a picture. */
export interface UsedNetwork extends LoraTag {
  readonly hash: string;
}

/** Multipliers of the live networks in the programs of a picture. */
export interface DrawnNetworks {
  readonly text: NetworkInputs;
  readonly unet: NetworkInputs;
  /** With regions: those for the text of each part of a prompt, and for the negative prompt. */
  regionTexts?(parts: number): { readonly parts: readonly NetworkInputs[]; readonly negative: NetworkInputs };
}

/** Where networks act; `compat` as sd-scripts 0.9.1 does it. */
export interface Regions {
  readonly mask: Pixels;
  readonly colours: number | null;
  readonly compat: boolean;
}

export interface LiveNetworks {
  /** Undefined where no network is live. */
  readonly adapter: DrawingModel["adapter"];
  inputs(wishes: Wishes): DrawnNetworks;
  /** Merged ones too. Throws UserError where a tag wants another strength of one that is merged. */
  used(wishes: Wishes): UsedNetwork[];
}

/** Strengths of every network, merged or live, in a picture. */
function strengths(networks: readonly Network[], { networkMultipliers, loras }: Wishes): LoraTag[] {
  let live = 0;
  return networks.map(({ name, listed, merged, multiplier }) => {
    const tags = loras.filter((tag) => tag.name === name);
    if (merged) {
      if (tags.some(({ text, unet }) => text !== 1 || unet !== 1)) {
        throw new UserError(
          `${
            loraTagText(tags[0])
          }: that LoRA is merged into the model, its strength is the same for all prompts; ` +
            "leave --network_merge and --network_merge_n_models away",
        );
      }
      return { name, text: multiplier, unet: multiplier };
    }
    const given = listed && networkMultipliers
      ? networkMultipliers[live++] ?? networkMultipliers[networkMultipliers.length - 1]
      : multiplier;
    // one that is listed is on without a tag
    const sum = (part: "text" | "unet") =>
      listed && tags.length === 0 ? 1 : tags.reduce((total, tag) => total + tag[part], 0);
    return { name, text: given * sum("text"), unet: given * sum("unet") };
  });
}

/** Brings the networks to the device and merges those that are to be merged; `load` reads base weights. */
export async function attachNetworks(
  networks: readonly Network[],
  store: ParameterStore,
  load: (graph: Graph) => Promise<void>,
  shapes: ModelFile["shapes"],
  dtype: "f32" | "f16" | "bf16",
  placed?: { readonly regions: Regions; readonly family: Family } | null,
): Promise<LiveNetworks> {
  const live: { network: Network; prefix: string }[] = [];
  for (const [i, network] of networks.entries()) {
    const prefix = `network${i}.`, { modules } = network.lora;
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
    for (const key of tensorShapes(modules).keys()) store.free(prefix + key);
  }
  const inputName = (prefix: string) => `${prefix}multiplier`;
  // of SDXL the reference does not recognise text encoders and layers over the time
  const divides = (placed?.regions.compat && placed.family.textEncoders.length > 1) ?? false;
  const regions = placed && regionsOf(placed.regions.mask, live.length, placed.regions.colours);
  return {
    adapter: live.length === 0 ? undefined : (graph, scene) => {
      const branches = live.map(({ network, prefix }) => {
        const multiplier = multiplierInput(graph, 1, inputName(prefix));
        return loraBranch(network.lora.modules, { multiplier, prefix });
      });
      return scene && regions
        ? regionalAdapter(graph, branches, regions, scene, divides)
        : adapterOf(branches);
    },
    inputs(wishes) {
      const all = strengths(networks, wishes);
      const of = (part: "text" | "unet", factor: (place: number) => number = () => 1): NetworkInputs =>
        Object.fromEntries(live.map(({ network, prefix }, place) => {
          const value = all[networks.indexOf(network)][part] * factor(place);
          return [inputName(prefix), Float32Array.of(value)];
        }));
      const regionTexts = (parts: number) =>
        divides
          ? { parts: Array(parts).fill(of("text", () => 1 / parts)), negative: of("text", () => 1 / parts) }
          : {
            parts: Array.from({ length: parts }, (_, i) => of("text", (place) => Number(place === i))),
            negative: of("text", () => 0),
          };
      return { text: of("text"), unet: of("unet"), ...(regions ? { regionTexts } : {}) };
    },
    used: (wishes) =>
      strengths(networks, wishes)
        .map((strength, i) => ({ ...strength, hash: networks[i].hash }))
        .filter(({ text, unet }) => text !== 0 || unet !== 0),
  };
}

function upload(store: ParameterStore, { lora }: Network, prefix: string): void {
  for (const [key, shape] of tensorShapes(lora.modules)) {
    store.upload(prefix + key, shape, "f32", lora.weights.get(key)!, { frozen: true });
  }
}
