/** What the formulas of several optimizers share. */
import {
  add,
  affine,
  maximum,
  mean,
  mul,
  reciprocal,
  reshape,
  sqrt,
  square,
  sub,
  type Tensor,
} from "../../graph/mod.ts";

/** a + (b - a) t: torch.lerp, an exponential moving average. */
export const lerp = (a: Tensor, b: Tensor, t: Tensor): Tensor => add(a, mul(sub(b, a), t));

/** One minus a number. */
export const rest = (x: Tensor): Tensor => affine(x, -1, 1);

/** decay v + (1 - decay) g^2. */
export const meanSquare = (v: Tensor, g: Tensor, decay: Tensor): Tensor =>
  add(mul(v, decay), mul(mul(g, g), rest(decay)));

/** keep a + fresh b, where fresh is 1 - keep to its last place, rounded as PyTorch does: few bits show it. */
export const average = (a: Tensor, b: Tensor, keep: Tensor, fresh: Tensor): Tensor =>
  add(mul(b, fresh), mul(a, keep));

/** keep v + fresh g^2. */
export const averageSquare = (v: Tensor, g: Tensor, keep: Tensor, fresh: Tensor): Tensor =>
  add(mul(mul(g, fresh), g), mul(v, keep));

/** Weight decay as a part of the gradient (L2), where there is any. */
export const withDecay = (grad: Tensor, weight: Tensor, decay: number): Tensor =>
  decay === 0 ? grad : add(grad, affine(weight, decay, 0));

/** The gradient of what is to become smaller: of the loss, or with `maximize` of its opposite. */
export const downhill = (grad: Tensor, maximize: boolean): Tensor => maximize ? affine(grad, -1, 0) : grad;

/** One value. */
export const rootMeanSquare = (x: Tensor): Tensor => sqrt(reshape(mean(square(x)), [1]));

export const inverseRoot = (x: Tensor): Tensor => reciprocal(sqrt(x));

/** float32's smallest number of full precision: what is divided by is at least so much, lest 0 / 0 makes no number. */
export const SMALLEST = 2 ** -126;

/** At least so much. */
export const atLeast = (x: Tensor, low: number): Tensor =>
  maximum(x, x.graph.constant(Float32Array.of(low), [1]));
