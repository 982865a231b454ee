/** What gradients are divided by: whole second moments, means of rows and columns (arXiv 1804.04235), or focus' weights. */
import { add, affine, div, mean, mul, sqrt, square, type Tensor } from "../../../../graph/mod.ts";
import type { Before, Given } from "./group.ts";

const LEAST_SIDE = 32;

/** The axes of the second longest side and of the longest; null where all are short. */
export function factoredAxes(shape: readonly number[], { factored }: Given): [number, number] | null {
  if (!factored || shape.length < 2 || shape.every((side) => side < LEAST_SIDE)) return null;
  const byLength = shape.map((side, axis) => ({ side, axis })).sort((a, b) =>
    a.side - b.side || a.axis - b.axis
  );
  return [byLength.at(-2)!.axis, byLength.at(-1)!.axis];
}

/**
 * The denominator, and the second moments after the step; of focus (arXiv 2501.12243) the average of the weights `at` which
 * the gradient is.
 */
export function squaresOf({ grad, state, hyper, numbers: { d } }: Before, at: Tensor, args: Given) {
  const fresh = mul(mul(d, d), hyper.fresh2), axes = factoredAxes(grad.shape, args), all = square(grad);
  const kept = (before: Tensor, x: Tensor) => add(mul(before, hyper.beta2), mul(x, fresh));
  if (!axes) {
    const exp_avg_sq = kept(state.exp_avg_sq, args.use_focus ? at : all);
    const seen = args.use_adopt ? state.exp_avg_sq : exp_avg_sq;
    return { denominator: args.use_focus ? seen : sqrt(seen), moments: { exp_avg_sq } };
  }
  const [second, longest] = axes;
  const exp_avg_sq_row = kept(state.exp_avg_sq_row, mean(all, [longest]));
  const exp_avg_sq_col = kept(state.exp_avg_sq_col, mean(all, [second]));
  const [row, col] = args.use_adopt
    ? [state.exp_avg_sq_row, state.exp_avg_sq_col]
    : [exp_avg_sq_row, exp_avg_sq_col];
  const over = args.compat && second > longest ? second - 1 : second;
  const relative = div(row, affine(mean(row, [over]), 1, 1e-30));
  // two products with the gradient's shape, so that each broadcasts over one axis
  const ones = affine(grad, 0, 1);
  return { denominator: sqrt(mul(mul(ones, relative), col)), moments: { exp_avg_sq_row, exp_avg_sq_col } };
}
