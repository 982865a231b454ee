/** What is said when weights are about to be lost, or already are. */
import { UserError } from "../../base/errors.ts";
import type { Rule } from "../optimizers/mod.ts";

const REMEDY =
  "lower the learning rate or let it rise slowly (--lr_scheduler constant_with_warmup --lr_warmup_steps 100)";

/** The update of a step was not made. */
export function updateHeldBack(step: number, rates: readonly number[], { remedy }: Rule): UserError {
  const used = [...new Set(rates)].map((rate) => rate.toPrecision(3)).join(", ");
  return new UserError(
    `step ${step}: the update would make weights that are no finite numbers (learning rate ${used}), so it was not made; ${
      remedy ?? REMEDY
    }`,
  );
}

/** The update of a step was made, and the weights are of no use since. */
export function brokenWeights(step: number): UserError {
  return new UserError(
    `step ${step}: since its update the weights give no finite loss, so they are not saved; ${REMEDY}`,
  );
}

/** What a step computed, where something of it is not finite. */
interface Computed {
  readonly weights: Iterable<readonly [string, Float32Array]>;
  readonly outputs: Readonly<Record<string, Float32Array>>;
  readonly gradients: Iterable<readonly [string, Float32Array]>;
}

/** A step's loss or gradients are not finite. */
export function diverged(step: number, what: string, computed: Computed): UserError {
  const found = firstNonFinite(computed);
  return new UserError(
    `step ${step}: ${what}; first non-finite tensor: ${found}; lower the learning rate or use --mixed_precision bf16`,
  );
}

/** Weights first, then what was computed from them, then gradients. */
function firstNonFinite({ weights, outputs, gradients }: Computed): string {
  const bad = (values: Float32Array) => values.some((x) => !Number.isFinite(x));
  for (const [name, values] of weights) if (bad(values)) return `the weight ${name}`;
  if (bad(outputs.prediction)) return "the U-Net's prediction";
  if (bad(outputs.sample_losses)) return "the loss of a sample";
  for (const [name, values] of gradients) if (bad(values)) return `the gradient of ${name}`;
  return "the norm of the gradients";
}
