/** How like a picture is to what is wanted, as graphs: a number and how fast the loss grows with it. */

import {
  affine,
  cast,
  cos,
  div,
  mean,
  reshape,
  sin,
  sqrt,
  square,
  sub,
  sum,
  type Tensor,
} from "../../../graph/mod.ts";
import {
  type ClipFile,
  imageEmbeddings,
  interpolated,
  linearWeights,
  vggFeatures,
  type Weights,
} from "../../../models/mod.ts";

/** `value` is differentiated, `growth` is the loss's derivative by it; both have one shape. */
export interface Likeness {
  readonly value: Tensor;
  readonly growth: Tensor;
}

interface Colours {
  readonly mean: readonly number[];
  readonly spread: readonly number[];
}

const CLIP_COLOURS: Colours = {
  mean: [0.48145466, 0.4578275, 0.40821073],
  spread: [0.26862954, 0.26130258, 0.27577711],
};

const IMAGENET_COLOURS: Colours = { mean: [0.485, 0.456, 0.406], spread: [0.229, 0.224, 0.225] };

/** sd-scripts looks at pictures of a quarter of the side. */
export const VGG_SHRINKS = 4;

/** x (N, H, W, 3) in [0, 1], with the mean and spread of a model's pictures, in the dtype of its weights. */
function coloured(x: Tensor, { mean, spread }: Colours, w: Weights): Tensor {
  const row = (values: readonly number[]) => x.graph.constant(Float32Array.from(values), [1, 1, 1, 3]);
  return cast(div(sub(x, row(mean)), row(spread)), w.dtype);
}

/** torchvision's Resize of tensors: linear, without smoothing. */
function resized(x: Tensor, height: number, width: number): Tensor {
  const side = (from: number, to: number) => x.graph.constant(linearWeights(from, to), [to, from]);
  return interpolated(x, side(x.shape[1], height), side(x.shape[2], width));
}

/** Unit vectors (N, P) of pictures (N, side, side, 3) in [0, 1]. */
export function clipVectors(x: Tensor, w: Weights, { vision }: ClipFile): Tensor {
  return unit(cast(imageEmbeddings(coloured(x, CLIP_COLOURS, w), w, vision), "f32"));
}

export function unit(x: Tensor): Tensor {
  return div(x, reshape(sqrt(sum(square(x), [1])), [x.shape[0], 1]));
}

/**
 * A picture (1, H, W, 3) in [0, 1] beside a unit vector `wanted` (1, P): 2 arcsin(d / 2)^2 of their distance d, half the
 * square of the angle between them.
 */
export function clipLikeness(
  x: Tensor,
  wanted: Tensor,
  w: Weights,
  clip: ClipFile,
): Likeness {
  const vectors = clipVectors(resized(x, clip.side, clip.side), w, clip);
  const distance = sqrt(sum(square(sub(vectors, wanted)), [1])), half = affine(distance, 0.5, 0);
  return {
    value: distance,
    growth: div(affine(arcsin(half), 2, 0), sqrt(affine(square(half), -1, 1))),
  };
}

/** By Newton's method, from below: for 0 to 0.99 exact in float32. */
function arcsin(z: Tensor): Tensor {
  let angle = z;
  for (let i = 0; i < 8; i++) angle = sub(angle, div(sub(sin(angle), z), cos(angle)));
  return angle;
}

/** What layer `last` of VGG16 gives for pictures (N, H, W, 3) in [0, 1], in float32. */
export function vggView(x: Tensor, w: Weights, last: number): Tensor {
  return cast(vggFeatures(coloured(x, IMAGENET_COLOURS, w), w, last), "f32");
}

/** A picture (1, H, W, 3) in [0, 1] beside features of its own shape: the mean of the squared differences. */
export function vggLikeness(
  x: Tensor,
  wanted: (shape: readonly number[]) => Tensor,
  w: Weights,
  last: number,
): Likeness {
  const [, height, width] = x.shape;
  const small = resized(x, Math.floor(height / VGG_SHRINKS), Math.floor(width / VGG_SHRINKS));
  const view = vggView(small, w, last), value = mean(square(sub(view, wanted(view.shape))));
  return { value, growth: x.graph.constant(Float32Array.of(1), value.shape) };
}
