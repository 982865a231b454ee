/** A new LoRA network, or one continued from a file, as --network_* ask for. */
import { bytesText } from "../../base/bytes.ts";
import { UsageError } from "../../base/errors.ts";
import { openCheckpoint } from "../../formats/mod.ts";
import { type BlockTable, type ModelFile, weightOf } from "../../models/mod.ts";
import {
  asSeen,
  baseOf,
  hasNorm,
  initialWeights,
  loadInto,
  loadLora,
  type LoraOptions,
  type LoraWeights,
  type NamedNetwork,
  type NetworkModule,
  networkNamed,
  type Note,
  refuseReadOnly,
  tensorShapes,
  trainedAs,
  type UniformSource,
} from "../../networks/mod.ts";
import { networkModule } from "../../networks/options.ts";
import type { TrainNetworkConfig } from "../options.ts";
import { sizeOf } from "../step/trainable.ts";

/** Bytes of a weight. */
const FLOAT = 4;

type NetworkConfig = Pick<
  TrainNetworkConfig,
  | "networkModule"
  | "networkDim"
  | "networkAlpha"
  | "networkDropout"
  | "networkArgs"
  | "networkWeights"
  | "dimFromWeights"
  | "networkTrainUnetOnly"
  | "networkTrainTextEncoderOnly"
  | "baseWeights"
  | "scaleWeightNorms"
  | "compat"
>;

/** A network whose first weights are still to be drawn. */
export interface NetworkSetup {
  readonly options: LoraOptions;
  /** Of the parts that are trained. */
  readonly modules: readonly NetworkModule[];
  /**
   * First values by file key. Every part draws, trained or not and given by a file or not, so that a seed means the same
   * network either way.
   */
  weights(torch: UniformSource): LoraWeights;
}

/** Throws UserError for options and files that do not fit the model. `note` takes what one should know. */
export function setUpNetwork(
  config: NetworkConfig,
  model: Pick<ModelFile, "shapes" | "family" | "places">,
  note: Note,
): NetworkSetup {
  const { shapes, family } = model;
  const network = networkNamed(networkModule(config.networkModule));
  const options = readOptions(network, config, family.sites.blocks);
  const advice = network.advice?.(options);
  if (advice) note(advice);
  const compat = config.compat !== null;
  // to read base weights, sd-scripts 0.9.1 lengthens its class's own list of layers: all later networks join resnets too
  const resnets = compat && (config.baseWeights ?? []).length > 0;
  const trained = ({ part }: NetworkModule) =>
    part === "unet" ? !config.networkTrainTextEncoderOnly : !config.networkTrainUnetOnly;
  let all: readonly NetworkModule[], modules: readonly NetworkModule[], given: LoraWeights = new Map();
  if (config.networkWeights !== null) {
    using file = openCheckpoint(config.networkWeights);
    const loaded = trainedAs(loadLora(file, shapes, family, note), options);
    loaded.modules.forEach(refuseReadOnly);
    given = loaded.weights;
    if (config.dimFromWeights) {
      all = asSeen(loaded, compat).modules;
      modules = all.filter(trained);
    } else {
      all = network.modules(shapes, family, options, { resnets });
      const fitted = loadInto(file, all.filter(trained), loaded, compat);
      modules = fitted.modules;
      if (fitted.otherAlpha) note(tellAlpha(file.path, fitted.otherAlpha, compat));
    }
  } else {
    all = network.modules(shapes, family, options, { resnets });
    modules = all.filter(trained);
  }
  if (modules.length === 0) throw new UsageError("the network has no module to train; check --network_args");
  checkRoom(all);
  if (config.scaleWeightNorms && !modules.some(hasNorm)) {
    note(`--scale_weight_norms has no effect: ${modules[0].kind.name} has no norm that is limited`);
  }
  return {
    options,
    modules,
    weights: (torch) => new Map([...initialWeights(all, torch, (m) => weightUnder(m, model)), ...given]),
  };
}

/** The weight of a module's layer, float32; of its rows where open_clip keeps three layers in one tensor. */
function weightUnder(module: NetworkModule, model: Pick<ModelFile, "shapes" | "places">): Float32Array {
  const { key, part } = baseOf(module, (k) => model.shapes.has(k)), values = weightOf(model, key);
  const third = values.length / 3;
  return part === null ? values : values.subarray(part * third, (part + 1) * third);
}

function readOptions(network: NamedNetwork, config: NetworkConfig, table: BlockTable): LoraOptions {
  const flags = {
    dim: config.networkDim,
    // 1 is the flag's default, which is recorded as an integer
    alpha: config.networkAlpha === 1 ? null : config.networkAlpha,
    dropout: config.networkDropout,
    args: config.networkArgs,
  };
  return network.options(flags, table, config.compat !== null);
}

/** Which alpha counts where the file's is not the options'. */
function tellAlpha(
  path: string,
  { name, file, options }: { name: string; file: number; options: number },
  compat: boolean,
): string {
  return compat
    ? `${path}: alpha is ${file} (${name}), --network_alpha and --network_args say ${options}; as in sd-scripts 0.9.1 theirs is trained with and the file's saved`
    : `${path}: alpha is ${file} (${name}) and is used; the ${options} of --network_alpha or --network_args is not`;
}

/** Throws UsageError where even the weights alone are more than the memory holds. */
function checkRoom(modules: readonly NetworkModule[]): void {
  const count = [...tensorShapes(modules).values()].reduce((sum, shape) => sum + sizeOf(shape), 0);
  const { available, swapFree } = Deno.systemMemoryInfo(), room = available + swapFree;
  // drawn in the host's memory, then copied to the device's, whose room is asked for later
  if (2 * FLOAT * count <= room) return;
  const rank = Math.max(...modules.map((module) => module.rank));
  throw new UsageError(
    `a network of rank ${rank} has ${count.toPrecision(3)} weights, which take ${
      bytesText(2 * FLOAT * count)
    } to begin with, and ${bytesText(room)} can be had; lower --network_dim or conv_dim in --network_args`,
  );
}
