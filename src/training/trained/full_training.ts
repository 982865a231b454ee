/** Training all weights of the U-Net and, if wanted, of the text encoders: the step behind fine_tune and its kin. */
import { loadMissing } from "../../models/mod.ts";
import type { ParameterStore } from "../../runtime/mod.ts";
import { type BaseModel, predictNoise } from "./base_model.ts";
import type { OptimizerConfig, StepConfig } from "../options.ts";
import { fullGroups, isTrained, restingBlocks, rests } from "./full_groups.ts";
import type { FullOptions } from "./full_options.ts";
import { computeDtype, trainedDtype } from "../dtypes.ts";
import { DiffusionTraining } from "../step/diffusion_training.ts";
import { chosenOptimizer } from "../optimizers/options.ts";
import { whyGradientsWait } from "../step/check_update.ts";
import { allocateGroups, allocateResting } from "../step/trainable.ts";

export type FullTrainingConfig = StepConfig & OptimizerConfig & FullOptions;

/**
 * Whether --fused_optimizer_groups lets weights step as their gradients come. Where a weight's step needs no other's
 * gradient, it need not wait for those of its group: the weights are the same, and less is kept.
 */
function stepsAtOnce(config: FullTrainingConfig): boolean {
  return config.fusedOptimizerGroups !== null && whyGradientsWait(config, chosenOptimizer(config)) === null;
}

/**
 * A model whose weights are all trainable: on the device in float32 or, with --full_bf16, in 16 bits, activations in the mixed precision. `initial` gives the
 * weights of trained keys; what is not trained is read from `model.file`.
 */
export function fullTraining(
  store: ParameterStore,
  model: BaseModel,
  config: FullTrainingConfig,
  initial: (key: string) => Float32Array,
): DiffusionTraining {
  const dtype = computeDtype(config.mixedPrecision), held = trainedDtype(config);
  const predict = predictNoise(model, {
    dtype,
    storage: (key) => isTrained(model.family, config, key) || rests(config, key) ? held : dtype,
    clipSkip: config.clipSkip,
    weightedCaptions: config.weightedCaptions,
  });
  const groups = fullGroups(model.family, model.shapes, config, predict);
  const inGroups = config.fusedOptimizerGroups !== null,
    fused = config.fusedBackwardPass || stepsAtOnce(config);
  allocateGroups(store, groups, { averaging: config.emaDecay !== null, gradients: !fused });
  for (const { name } of groups.flatMap((g) => g.parameters)) store.set(name, initial(name));
  const resting = restingBlocks(model.family, model.shapes, config, predict);
  allocateResting(store, resting);
  for (const { name, shape } of resting.flatMap((r) => r.parameters)) {
    store.upload(name, shape, held, initial(name));
  }
  const { stopTextEncoderTraining: stop } = config;
  return new DiffusionTraining(store, config, {
    ...{ groups, resting, predict },
    load: async (graph) => {
      if (model.file) await loadMissing(graph, store, model.file);
    },
    emaDecay: config.emaDecay,
    fused,
    clipEach: inGroups && config.maxGradNorm > 0,
    learning: stop === null
      ? undefined
      : (step) => groups.map(({ name }) => step < stop || !name.startsWith("text_encoder")),
  });
}
