/** The distance between the U-Net's answer and the target, as graph nodes. */
import {
  abs,
  add,
  affine,
  type Graph,
  mean,
  mul,
  reshape,
  sqrt,
  square,
  sub,
  type Tensor,
} from "../../graph/mod.ts";
import { UsageError } from "../../base/errors.ts";
import type { LatentShape } from "../../models/mod.ts";
import type { RecordedLoss } from "../step/step.ts";

export const LOSS_TYPES = ["l2", "l1", "huber", "smooth_l1"] as const;
export type LossType = typeof LOSS_TYPES[number];

/** Throws UsageError unless `text` names a loss. */
export function lossType(text: string): LossType {
  if ((LOSS_TYPES as readonly string[]).includes(text)) return text as LossType;
  throw new UsageError(`--loss_type ${text} is unknown; use ${LOSS_TYPES.join(", ")}`);
}

export const hasHuberC = (type: LossType) => type === "huber" || type === "smooth_l1";

/**
 * Loss of each sample: the mean over its pixels and channels, masked ones counted too.
 * prediction, target (N, H, W, C) f32; `c` (N) for huber and smooth_l1; `mask` (N, H, W, 1) in 0 to 1 -> (N).
 */
export function sampleLosses(
  type: LossType,
  prediction: Tensor,
  target: Tensor,
  c?: Tensor,
  mask?: Tensor,
): Tensor {
  const n = prediction.shape[0];
  const difference = sub(prediction, target);
  let loss: Tensor;
  if (type === "l2") loss = square(difference);
  else if (type === "l1") loss = abs(difference);
  else {
    // 2 c (sqrt(d^2 + c^2) - c); smooth_l1 leaves out the factor c
    const each = reshape(c!, [n, 1, 1, 1]);
    loss = affine(sub(sqrt(add(square(difference), square(each))), each), 2, 0);
    if (type === "huber") loss = mul(loss, each);
  }
  if (mask) loss = mul(loss, mask);
  return reshape(mean(loss, [1, 2, 3]), [n]);
}

/** What a diffusion step's program is made for: everything else about a batch is an input. */
export interface LatentsShape extends LatentShape {
  /** 77-token chunks of a caption. */
  readonly chunks: number;
  readonly masked: boolean;
  /** Tokens of the captions that the U-Net sees; absent: all of them, padding too. */
  readonly tokens?: number;
}

/** Records the model under training: noisy latents (N, H, W, C) and timesteps (N), f32 -> its answer, like the latents. */
export type Predict = (graph: Graph, noisy: Tensor, timesteps: Tensor, shape: LatentsShape) => Tensor;

/**
 * The loss of a diffusion step: the weighted mean over the batch. Inputs: noisy_latents and target (N, H, W, C), timesteps
 * (N), loss_weights (N), huber_c (N) and mask (N, H, W, 1) where wanted. Also gives sample_losses (N), before weighting,
 * and the prediction.
 */
export function diffusionLoss(
  predict: Predict,
  type: LossType,
): (graph: Graph, shape: LatentsShape) => RecordedLoss {
  return (graph, shape) => {
    const { batch: n, channels, height, width } = shape;
    const noisy = graph.input("noisy_latents", [n, height, width, channels]);
    const target = graph.input("target", [n, height, width, channels]);
    const prediction = predict(graph, noisy, graph.input("timesteps", [n]), shape);
    const c = hasHuberC(type) ? graph.input("huber_c", [n]) : undefined;
    const mask = shape.masked ? graph.input("mask", [n, height, width, 1]) : undefined;
    const losses = sampleLosses(type, prediction, target, c, mask);
    const loss = mean(mul(losses, graph.input("loss_weights", [n])));
    return { loss, outputs: { sample_losses: losses, prediction } };
  };
}
