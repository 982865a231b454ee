/**
 * What schedule-free optimizers share ("The Road Less Scheduled", arXiv 2405.15682; the library schedulefree): the weights
 * that are trained, y, lie between z, which takes the steps, and x, the average of all z. x is what is saved and drawn
 * with: y = beta x + (1 - beta) z.
 */
import { add, mul, select, sub, type Tensor } from "../../../graph/mod.ts";
import { type Arguments, computing, number, type Rows } from "../arguments.ts";
import { lerp } from "../formulas.ts";
import type { Moment, Rule } from "../optimizer.ts";

export const averageRows: Rows = { r: number(0), weight_lr_power: number(2), ...computing("foreach") };

/** What the average has seen: the highest rate, the sum of all weights, and the share of the latest z. */
type Seen = Readonly<Record<"lr_max" | "weight_sum" | "share", number>>;

/** A z counts for step^r rate^power, `rate` the highest so far. */
export function averageOf(
  { r, weight_lr_power }: Arguments,
  rateOf: (moment: Pick<Moment, "lr" | "step">) => number,
): NonNullable<Rule["running"]> {
  return {
    start: { lr_max: -1, weight_sum: 0, share: 0 } satisfies Seen,
    next(before, moment) {
      const lr_max = Math.max(rateOf(moment), before.lr_max),
        weight = moment.step ** r * lr_max ** weight_lr_power;
      const weight_sum = before.weight_sum + weight;
      return { lr_max, weight_sum, share: weight_sum === 0 ? 0 : weight / weight_sum };
    },
  };
}

/** The numbers of one step with `rate`. */
export const averageNumbers = (beta: number, rate: number, { step, running }: Moment) => ({
  rate,
  share: running.share,
  pull: rate * (1 - beta * (1 - running.share)),
  // z begins where the weights do
  first: step === 1 ? 1 : 0,
});

/** z at the beginning of a step. */
export const zOf = (weight: Tensor, z: Tensor, first: Tensor): Tensor => select(first, weight, z);

/** y and z after a step along `direction`. */
export function averageStep(
  y: Tensor,
  z: Tensor,
  direction: Tensor,
  { rate, share, pull }: Readonly<Record<"rate" | "share" | "pull", Tensor>>,
): { weight: Tensor; z: Tensor } {
  return { weight: sub(lerp(y, z, share), mul(direction, pull)), z: sub(z, mul(direction, rate)) };
}

/** x from y and z. */
export const settledAt = (beta: number): { state: "z"; by: number } => ({ state: "z", by: 1 - 1 / beta });

/** The gradient with weight decay at y. */
export const decayedAt = (direction: Tensor, y: Tensor, decay: Tensor): Tensor =>
  add(direction, mul(y, decay));
