/** Pictures drawn during training. */

import { samplerNames } from "../../generation/samplers/mod.ts";
import { choice, family, flag, idleZero, int, named, pathTo, str } from "../flag.ts";

/** Names that sd-scripts knows; which of them easel has, src/generation/samplers says. */
export const SAMPLERS = [
  "ddim",
  "pndm",
  "lms",
  "euler",
  "euler_a",
  "heun",
  "dpm_2",
  "dpm_2_a",
  "dpmsolver",
  "dpmsolver++",
  "dpmsingle",
  "k_lms",
  "k_euler",
  "k_euler_a",
  "k_dpm_2",
  "k_dpm_2_a",
] as const;

export const sampleFlags = family("Sample pictures", {
  sample_every_n_steps: idleZero(int(null, "make sample images each N steps", { min: 1 })),
  sample_at_first: flag("make samples before training"),
  sample_every_n_epochs: idleZero(int(null, "make samples each N epochs (wins over steps)", { min: 1 })),
  sample_prompts: pathTo(
    "text",
    str(
      null,
      "prompt file: .txt, .toml or .json; a prompt without --w and --h is drawn at the size that is trained",
    ),
  ),
  sample_sampler: named(samplerNames, choice(SAMPLERS, "ddim", "default sampler for samples")),
});
