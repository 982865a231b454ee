/** Training all weights of the U-Net and, if wanted, of the text encoders: the step behind `easel fine_tune`. */
import { loadMissing, UNET } from "../../models/mod.ts";
import type { ParameterStore } from "../../runtime/mod.ts";
import { type BaseModel, predictNoise } from "./base_model.ts";
import type { OptimizerConfig, StepConfig } from "../options.ts";
import { computeDtype, DiffusionTraining } from "../step/diffusion_training.ts";
import { allocateGroups, type ParameterGroup } from "../step/trainable.ts";

export interface FullTrainingConfig extends StepConfig, OptimizerConfig {
  readonly trainTextEncoder: boolean;
  /** Learning rate of the text encoders; null is that of the U-Net. */
  readonly learningRateTe: number | null;
  /** Decay of a running average of the weights (such as 0.999); null keeps none. */
  readonly emaDecay: number | null;
}

/**
 * A model whose weights are all trainable: float32 on the device, activations in the mixed precision. `initial` gives the
 * weights of trained keys; what is not trained is read from `model.file`.
 */
export function fullTraining(
  store: ParameterStore,
  model: BaseModel,
  config: FullTrainingConfig,
  initial: (key: string) => Float32Array,
): DiffusionTraining {
  const groups = fullGroups(model, config);
  allocateGroups(store, groups, config.emaDecay !== null);
  for (const { name } of groups.flatMap((g) => g.parameters)) store.set(name, initial(name));
  const dtype = computeDtype(config.mixedPrecision);
  return new DiffusionTraining(store, config, {
    groups,
    predict: predictNoise(model, {
      dtype,
      storage: (key) => isTrained(config, key) ? "f32" : dtype,
      clipSkip: config.clipSkip,
    }),
    load: async (graph) => {
      if (model.file) await loadMissing(graph, store, model.file);
    },
    emaDecay: config.emaDecay,
  });
}

const TEXT = /^(cond_stage_model|conditioner)\./;

/** Whether a checkpoint's key is among the trained ones. */
export function isTrained(
  { trainTextEncoder }: Pick<FullTrainingConfig, "trainTextEncoder">,
  key: string,
): boolean {
  return key.startsWith(`${UNET}.`) || (trainTextEncoder && TEXT.test(key));
}

/** The U-Net's weights and the text encoders', each a group; text encoders come first, as in sd-scripts. */
function fullGroups(model: BaseModel, config: FullTrainingConfig): ParameterGroup[] {
  const pick = (wanted: (key: string) => boolean) =>
    [...model.shapes].filter(([key]) => wanted(key)).map(([name, shape]) => ({ name, shape }));
  const unet: ParameterGroup = {
    name: "unet",
    learningRate: config.learningRate,
    parameters: pick((key) => key.startsWith(`${UNET}.`)),
  };
  if (!config.trainTextEncoder) return [unet];
  const text: ParameterGroup = {
    name: "textencoder",
    learningRate: config.learningRateTe ?? config.learningRate,
    parameters: pick((key) => TEXT.test(key)),
  };
  return [text, unet];
}
