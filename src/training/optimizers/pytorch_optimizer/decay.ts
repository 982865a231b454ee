/** What the optimizers of the library pytorch_optimizer have in common: their weight decay, and whether they go uphill. */
import { add, mul, type Tensor } from "../../../graph/mod.ts";
import { type Arguments, flag, number, type Rows } from "../arguments.ts";
import { downhill } from "../formulas.ts";

export const decayRows = (weightDecay: number, decouple: boolean): Rows => ({
  weight_decay: number(weightDecay),
  weight_decouple: flag(decouple),
  fixed_decay: flag(),
  maximize: flag(),
});

/** `keep` is what decay leaves of a weight where it is decoupled. */
export const decayNumbers = ({ weight_decay, weight_decouple, fixed_decay }: Arguments, lr: number) => ({
  keep: weight_decouple ? 1 - weight_decay * (fixed_decay ? 1 : lr) : 1,
  decay: weight_decouple ? 0 : weight_decay,
});

/** Weight and gradient with the decay in one or the other. */
export function decayed(
  { weight, grad, hyper: { keep, decay } }: {
    readonly weight: Tensor;
    readonly grad: Tensor;
    readonly hyper: Readonly<Record<"keep" | "decay", Tensor>>;
  },
  { maximize }: Arguments,
): { start: Tensor; g: Tensor } {
  return { start: mul(weight, keep), g: add(downhill(grad, maximize), mul(weight, decay)) };
}
