/** Training all weights of the U-Net and, if wanted, of the text encoders: the step behind `easel fine_tune`. */
import { UserError } from "../base/errors.ts";
import type { DType } from "../base/dtype.ts";
import type { ParameterStore } from "../runtime/mod.ts";
import { type BaseModel, loadMissing, predictNoise, UNET } from "./base_model.ts";
import { type LatentBatch, noiseBatch } from "./batch.ts";
import type { MixedPrecision, OptimizerConfig, StepConfig } from "./config.ts";
import { type NoiseSchedule, noiseSchedule } from "./diffusion.ts";
import { diffusionLoss, type LatentsShape, lossType } from "./loss.ts";
import type { StepGenerators } from "./noise.ts";
import { readOptimizer } from "./optimizers/adamw.ts";
import { createSchedule, type Schedule } from "./schedules/schedule.ts";
import { TrainingStep } from "./step.ts";
import { allocateGroups, flat, type ParameterGroup, splitGroup } from "./trainable.ts";

export interface FullTrainingConfig extends StepConfig, OptimizerConfig {
  readonly trainTextEncoder: boolean;
  /** Learning rate of the text encoders; null is that of the U-Net. */
  readonly learningRateTe: number | null;
  /** Decay of a running average of the weights (such as 0.999); null keeps none. */
  readonly emaDecay: number | null;
}

/** The dtype of activations. */
export const computeDtype = (precision: MixedPrecision): DType =>
  precision === "no" ? "f32" : precision === "fp16" ? "f16" : "bf16";

const TEXT = /^(cond_stage_model|conditioner)\./;

export interface FullStepResult {
  readonly loss: number;
  /** Norm of the gradients before clipping; null between updates of gradient accumulation. */
  readonly gradNorm: number | null;
}

/** A model whose weights are all trainable, on a device. Weights are float32, activations of the mixed precision. */
export class FullTraining {
  readonly groups: readonly ParameterGroup[];
  readonly step: TrainingStep<LatentsShape>;
  readonly schedule: NoiseSchedule;
  readonly #rates: Schedule;
  #gathered = 0;

  /** `initial` gives the weights of trained keys; what is not trained is read from `model.file`. */
  constructor(
    private readonly store: ParameterStore,
    readonly model: BaseModel,
    readonly config: FullTrainingConfig,
    initial: (key: string) => Float32Array,
  ) {
    this.groups = fullGroups(model, config);
    allocateGroups(store, this.groups, config.emaDecay !== null);
    const trained = new Set<string>();
    for (const { name } of this.groups.flatMap((g) => g.parameters)) {
      store.set(name, initial(name));
      trained.add(name);
    }
    if (config.emaDecay !== null) {
      this.groups.forEach((_, i) => store.set(flat.averages(i), store.download(flat.weights(i))));
    }
    const dtype = computeDtype(config.mixedPrecision);
    this.schedule = noiseSchedule(config.zeroTerminalSnr);
    this.#rates = createSchedule(config);
    const predict = predictNoise(model, {
      dtype,
      storage: (key) => trained.has(key) ? "f32" : dtype,
      clipSkip: config.clipSkip,
      checkpointing: config.gradientCheckpointing,
    });
    this.step = new TrainingStep(store, {
      groups: this.groups,
      record: diffusionLoss(predict, lossType(config.lossType)),
      adamw: readOptimizer(config.optimizerType, config.optimizerArgs),
      maxGradNorm: config.maxGradNorm,
      gradientAccumulationSteps: config.gradientAccumulationSteps,
      scaleLoss: config.mixedPrecision === "fp16",
      averaging: config.emaDecay !== null,
      load: async (graph) => {
        if (model.file) await loadMissing(graph, store, model.file);
      },
    });
  }

  /** Forward and backward of one batch; every gradient_accumulation_steps of them the weights change. */
  async train(batch: LatentBatch, generators: StepGenerators): Promise<FullStepResult> {
    const { step, inputs } = noiseBatch(this.config, this.schedule, batch, generators);
    const loss = (await this.step.backward(step, inputs)).loss[0];
    if (++this.#gathered < this.config.gradientAccumulationSteps) return { loss, gradNorm: null };
    this.#gathered = 0;
    const t = this.step.state.optimizerSteps;
    // a young average forgets its random start quickly
    const decay = Math.min(this.config.emaDecay ?? 0, (1 + t) / (10 + t));
    const { gradNorm, skipped } = await this.step.update(this.learningRates(t), decay);
    if (!Number.isFinite(loss) || (skipped && this.config.mixedPrecision !== "fp16")) {
      throw new UserError(
        `step ${t + 1}: the loss is ${loss}, the gradient norm ${gradNorm}; lower the learning rate`,
      );
    }
    return { loss, gradNorm };
  }

  /** What each group uses at optimizer step t, counted from 0. */
  learningRates(t: number): number[] {
    return this.groups.map((g) => this.#rates(t, g.learningRate));
  }

  /** Trained weights by key, the running averages where asked for and kept. */
  weights(averaged: boolean): Map<string, Float32Array> {
    const from = averaged && this.config.emaDecay !== null ? flat.averages : flat.weights;
    return new Map(this.groups.flatMap((group, i) => [...splitGroup(group, this.store.download(from(i)))]));
  }

  destroy(): void {
    this.step.destroy();
  }
}

/** The text encoders' weights in use and the U-Net's, as groups. */
function fullGroups(model: BaseModel, config: FullTrainingConfig): ParameterGroup[] {
  const pick = (wanted: (key: string) => boolean) =>
    [...model.shapes].filter(([key, shape]) => wanted(key) && shape.length > 0).map(([name, shape]) => ({
      name,
      shape,
    }));
  const unet: ParameterGroup = {
    name: "unet",
    learningRate: config.learningRate,
    parameters: pick((key) => key.startsWith(UNET)),
  };
  if (!config.trainTextEncoder) return [unet];
  const text: ParameterGroup = {
    name: "textencoder",
    learningRate: config.learningRateTe ?? config.learningRate,
    parameters: pick((key) => TEXT.test(key) && !/position_ids|logit_scale/.test(key)),
  };
  return [unet, text];
}
