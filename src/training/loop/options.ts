/** Length, batch and place of a run. */

import { trainBatchSize, validationSeed, validationSplit } from "../../data/dataset/options.ts";
import {
  choice,
  flag,
  forgotten,
  group,
  idleZero,
  int,
  LONGEST_RUN,
  newer,
  own,
  same,
  SEEDS,
} from "../../options/mod.ts";

export const trainingOptions = group("Training", {
  train_batch_size: trainBatchSize,
  max_train_steps: idleZero(int(1600, "total optimizer steps", { min: 1, max: LONGEST_RUN })),
  max_train_epochs: idleZero(
    int(null, "total epochs; overrides max_train_steps", { min: 1, max: LONGEST_RUN }),
  ),
  seed: same(int(null, "random seed", SEEDS)),
  generator: same(own(
    choice(
      ["one", "fresh"],
      null,
      "one: latents to cache, a new network and the epochs draw from one generator, after all that building the models " +
        "draws, as in sd-scripts; fresh: each starts from the seed; unset is one with --compat and a new network",
    ),
  )),
  skip_until_initial_step: forgotten(flag("read and drop batches up to the start step")),
  initial_epoch: forgotten(int(null, "first epoch number, 1-based", { min: 1 })),
  initial_step: forgotten(int(null, "first global step", { min: 0 })),
  validation_seed: validationSeed,
  validation_split: validationSplit,
  validate_every_n_steps: newer(int(null, "validate each N steps, besides the end of epochs", { min: 1 })),
  validate_every_n_epochs: newer(int(null, "validate after each N epochs; unset = after each", { min: 1 })),
  max_validation_steps: newer(int(null, "most batches a validation", { min: 1 })),
});
