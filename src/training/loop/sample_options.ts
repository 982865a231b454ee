/** Pictures drawn during training. */

import { samplerNames } from "../../generation/samplers/mod.ts";
import { choice, flag, group, idleZero, int, pathTo, str } from "../../options/mod.ts";

export const sampleOptions = group("Sample pictures", {
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
  sample_sampler: choice(samplerNames, "ddim", "default sampler for samples"),
});
