/** A new LoRA network, or one continued from a file, as --network_* ask for. */
import { bytesText } from "../base/bytes.ts";
import { UsageError } from "../base/errors.ts";
import { openCheckpoint } from "../formats/mod.ts";
import type { ModelFile } from "../models/mod.ts";
import {
  initialWeights,
  loadInto,
  loadLora,
  type LoraModule,
  loraModules,
  loraOptions,
  type LoraWeights,
  type Note,
} from "../networks/mod.ts";
import { TorchGenerator } from "../random/mod.ts";
import type { TrainNetworkConfig } from "./config.ts";
import type { LoraNetwork } from "./network_training.ts";
import { sizeOf } from "./trainable.ts";

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
  | "compat"
>;

/** Throws UserError for options and files that do not fit the model. */
export function setUpNetwork(
  config: NetworkConfig,
  model: Pick<ModelFile, "shapes" | "family">,
  seed: number,
  note: Note,
): LoraNetwork {
  if (config.networkModule !== "networks.lora") {
    throw new UsageError(`--network_module ${config.networkModule} is not supported yet; networks.lora is`);
  }
  const { shapes, family } = model;
  const options = loraOptions(
    {
      dim: config.networkDim,
      // 1 is the flag's default, which is recorded as an integer
      alpha: config.networkAlpha === 1 ? null : config.networkAlpha,
      dropout: config.networkDropout,
      args: config.networkArgs,
    },
    family === "sdxl",
    config.compat !== null,
  );
  const trained = ({ part }: { part: string }) =>
    part === "unet" ? !config.networkTrainTextEncoderOnly : !config.networkTrainUnetOnly;
  if (config.networkWeights !== null) {
    using file = openCheckpoint(config.networkWeights);
    const loaded = loadLora(file, shapes, family, note);
    if (config.dimFromWeights) {
      return { options, modules: loaded.modules.filter(trained), weights: loaded.weights };
    }
    const all = loraModules(shapes, family, options);
    const weights = firstWeights(all, seed);
    const { modules } = loadInto(file, all.filter(trained), weights, loaded);
    return { options, modules, weights };
  }
  // every part draws its first weights, trained or not, so that a seed means the same network either way
  const all = loraModules(shapes, family, options);
  const modules = all.filter(trained);
  if (modules.length === 0) throw new UsageError("the network has no module to train; check --network_args");
  return { options, modules, weights: firstWeights(all, seed) };
}

/** Throws UsageError where even the weights alone are more than the memory holds. */
function firstWeights(modules: readonly LoraModule[], seed: number): LoraWeights {
  const count = modules.reduce((sum, { downShape, upShape }) => sum + sizeOf(downShape) + sizeOf(upShape), 0);
  const { available, swapFree } = Deno.systemMemoryInfo(), room = available + swapFree;
  // drawn in the host's memory, then copied to the device's, whose room is asked for later
  if (2 * FLOAT * count <= room) return initialWeights(modules, new TorchGenerator(seed));
  const rank = Math.max(...modules.map((module) => module.rank));
  throw new UsageError(
    `a network of rank ${rank} has ${count.toPrecision(3)} weights, which take ${
      bytesText(2 * FLOAT * count)
    } to begin with, and ${bytesText(room)} can be had; lower --network_dim or conv_dim in --network_args`,
  );
}
