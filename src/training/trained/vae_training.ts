/**
 * Training an autoencoder (arXiv 2112.10752 without the adversary): each picture goes through the encoder, a sample of
 * its latents back through the decoder. The loss is the mean absolute and the mean squared error (the one is sharp, the
 * other finds colours sooner), plus the absolute error of differences between neighbouring pixels, which keeps edges
 * sharp, plus a little KL divergence that keeps latents near a unit normal.
 */
import { UserError } from "../../base/errors.ts";
import {
  abs,
  add,
  affine,
  exp,
  type Graph,
  mean,
  Programs,
  slice,
  square,
  sub,
  type Tensor,
} from "../../graph/mod.ts";
import {
  decode,
  type ModelFile,
  moments,
  sampleLatents,
  type Shapes,
  VAE,
  Weights,
} from "../../models/mod.ts";
import type { TorchGenerator } from "../../random/mod.ts";
import type { ParameterStore } from "../../runtime/mod.ts";

import type { MixedPrecision, OptimizerConfig } from "../options.ts";
import { computeDtype } from "../dtypes.ts";
import { chosenOptimizer } from "../optimizers/options.ts";
import { averageDecay } from "../step/recorded/update.ts";
import { createRates } from "../step/rates.ts";
import type { Schedule } from "../schedules/schedule.ts";
import type { PictureShape } from "../step/largest_shapes.ts";
import { brokenWeights, updateHeldBack } from "../step/divergence.ts";
import { type Inputs, type RecordedLoss, TrainingStep } from "../step/step.ts";
import { allocateGroups, flat, type ParameterGroup, splitGroup } from "../step/trainable.ts";

export interface VaeTrainingConfig extends OptimizerConfig {
  readonly mixedPrecision: MixedPrecision;
  readonly maxGradNorm: number;
  /** Weight of the KL divergence per latent value; 1e-6 is usual. */
  readonly klWeight: number;
  /** Weight of the loss on differences between neighbouring pixels; 0 leaves it out. */
  readonly edgeWeight: number;
  /** Decay of a running average of the weights; null keeps none. */
  readonly emaDecay: number | null;
  /** Leaves the encoder as it is: latents keep their meaning for a U-Net that knows them. */
  readonly decoderOnly: boolean;
}

export interface VaeStepResult {
  readonly loss: number;
  /** Mean absolute error of the pictures, which are in [-1, 1]. */
  readonly error: number;
  readonly gradNorm: number;
}

const DECODER = /^first_stage_model\.(decoder|post_quant_conv)\./;

/**
 * An autoencoder on a device, all its weights float32, and trainable as far as the config says. Keys start with
 * `first_stage_model.`
 */
export class VaeTraining {
  readonly step: TrainingStep<PictureShape>;
  readonly group: ParameterGroup;
  readonly #rates: Schedule;
  readonly #encoders: Programs<PictureShape>;
  #latest: { shape: PictureShape; inputs: Inputs } | null = null;

  constructor(
    private readonly store: ParameterStore,
    private readonly model: Pick<ModelFile, "shapes" | "family">,
    readonly config: VaeTrainingConfig,
    initial: (key: string) => Float32Array,
  ) {
    const { shapes } = model;
    this.#encoders = new Programs(store);
    const all = [...shapes].filter(([key]) => key.startsWith(`${VAE}.`)).map(([name, shape]) => ({
      name,
      shape,
    }));
    const trained = (name: string) => !config.decoderOnly || DECODER.test(name);
    const parameters = all.filter(({ name }) => trained(name));
    this.group = { name: "vae", learningRate: config.learningRate, parameters };
    allocateGroups(store, [this.group], {
      averaging: config.emaDecay !== null,
      gradients: !config.fusedBackwardPass,
    });
    for (const { name } of parameters) store.set(name, initial(name));
    for (const { name, shape } of all) {
      if (!trained(name)) store.upload(name, shape, "f32", initial(name), { frozen: true });
    }
    if (config.emaDecay !== null) store.set(flat.averages(0), store.download(flat.weights(0)));
    const optimizer = chosenOptimizer(config);
    this.#rates = createRates(config, optimizer);
    this.step = new TrainingStep(store, {
      groups: [this.group],
      record: (graph, shape) => recordVae(graph, shape, shapes, config),
      optimizer,
      maxGradNorm: config.maxGradNorm,
      gradientAccumulationSteps: 1,
      scaleLoss: config.mixedPrecision === "fp16",
      averaging: config.emaDecay !== null,
      fused: config.fusedBackwardPass,
      momentum: this.#rates.momentum,
    });
  }

  /** One step on pictures (N, H, W, 3) in [-1, 1]; H and W are multiples of the latents' factor. Throws UserError when it diverges. */
  async train(pictures: Float32Array, shape: PictureShape, torch: TorchGenerator): Promise<VaeStepResult> {
    const { batch, height, width } = shape, { channels, factor } = this.model.family.latent;
    const noise = torch.randn(batch * (height / factor) * (width / factor) * channels);
    const t = this.step.state.optimizerSteps, rates = [this.#rates(t, this.config.learningRate)];
    const { loss, error } = await this.step.backward(shape, { pictures, noise }, rates);
    const { gradNorm, heldBack } = await this.step.update(rates, averageDecay(this.config.emaDecay, t));
    if (!Number.isFinite(loss[0]) || (heldBack === "gradients" && this.config.mixedPrecision !== "fp16")) {
      throw new UserError(
        `step ${t + 1}: the loss is ${loss[0]}, the gradient norm ${gradNorm}; lower the learning rate`,
      );
    }
    if (heldBack === "weights") throw updateHeldBack(t + 1, rates, this.step.options.optimizer);
    this.#latest = { shape, inputs: { pictures, noise } };
    return { loss: loss[0], error: error[0], gradNorm };
  }

  /** Throws UserError unless the weights give a finite loss for the latest batch: asked before they are saved. */
  async prove(): Promise<void> {
    if (!this.#latest) return;
    const { shape, inputs } = this.#latest;
    if (!await this.step.works(shape, inputs)) throw brokenWeights(this.step.state.optimizerSteps);
  }

  /** Trained weights by key as they are to be saved: the running averages where kept, or what the optimizer makes of them. */
  saved(): Map<string, Float32Array> {
    return splitGroup(this.group, this.#saved());
  }

  /** Puts what is saved in the weights' place. */
  useSaved(): void {
    this.store.set(flat.weights(0), this.#saved());
  }

  #saved(): Float32Array {
    return this.config.emaDecay !== null
      ? this.store.download(flat.averages(0))
      : this.step.settledWeights(0);
  }

  /** pictures (N, H, W, 3) in [-1, 1] -> the means of their latents (N, h, w, channels), before any scale factor. */
  async latents(pictures: Float32Array, shape: PictureShape): Promise<Float32Array> {
    const { latents } = await this.#encoders.run(shape, (graph) => {
      const weights = Weights.over(graph, this.model.shapes, {
        dtype: computeDtype(this.config.mixedPrecision),
        storage: () => "f32",
      });
      const input = graph.input("pictures", [shape.batch, shape.height, shape.width, 3]);
      graph.output("latents", moments(input, weights.at(VAE)).mean);
    }, { pictures });
    return latents;
  }

  destroy(): void {
    this.#encoders.destroy();
    this.step.destroy();
  }
}

function recordVae(
  graph: Graph,
  shape: PictureShape,
  shapes: Shapes,
  config: VaeTrainingConfig,
): RecordedLoss {
  const { batch, height, width } = shape;
  const weights = Weights.over(graph, shapes, {
    dtype: computeDtype(config.mixedPrecision),
    storage: () => "f32",
  });
  const pictures = graph.input("pictures", [batch, height, width, 3]);
  const latents = moments(pictures, weights.at(VAE));
  const noise = graph.input("noise", latents.mean.shape);
  const drawn = decode(sampleLatents(latents, noise), weights.at(VAE));
  const difference = sub(drawn, pictures);
  const error = mean(abs(difference));
  let loss = add(
    add(error, mean(square(difference))),
    affine(divergence(latents.mean, latents.logvar), config.klWeight, 0),
  );
  if (config.edgeWeight > 0) loss = add(loss, affine(edges(difference), config.edgeWeight, 0));
  return { loss, outputs: { error } };
}

/** Mean over all latents of KL(N(mean, exp(logvar)) || N(0, 1)). */
function divergence(mu: Tensor, logvar: Tensor): Tensor {
  return mean(affine(sub(add(square(mu), exp(logvar)), logvar), 0.5, -0.5));
}

/** Mean absolute difference between neighbours of the error picture, across and down. */
function edges(difference: Tensor): Tensor {
  const along = (axis: number) => {
    const length = difference.shape[axis] - 1;
    return mean(abs(sub(slice(difference, axis, 1, length), slice(difference, axis, 0, length))));
  };
  return add(along(1), along(2));
}
