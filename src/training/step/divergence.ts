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
