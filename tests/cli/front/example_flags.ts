/** Flags of every kind, for tests of what reads them. */

import {
  choice,
  flag,
  float,
  floats,
  group,
  int,
  newer,
  noEffect,
  notYet,
  own,
  stepsOrRatio,
  str,
  strings,
} from "../../../src/options/mod.ts";

export const groups = [
  group("one", {
    learning_rate: float(2e-6, "rate"),
    learning_steps: int(1, "steps", { min: 1 }),
    seed: int(null, "seed"),
    network_args: strings("key=value"),
    network_mul: floats("strengths"),
    noise_range: floats("two", 2),
    warmup: stepsOrRatio("warm-up"),
    flip_aug: flag("flip"),
    mode: choice(["no", "fp16", "bf16"], "no", "format"),
    config_file: str(null, "toml"),
  }),
  group("two", {
    learning_curve: newer(flag("newer")),
    flat: own(flag("own")),
    turbo: notYet(float(1.5, "not yet")),
    turbo_list: notYet(strings("not yet")),
    xformers: noEffect("there is one attention", flag("attention")),
  }),
];
