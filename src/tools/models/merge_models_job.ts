/** easel merge_models: sd-scripts' tools/merge_models.py. */

import { dirname } from "node:path";
import { UsageError } from "../../base/errors.ts";
import { counted } from "../../base/phrases.ts";
import { job } from "../../options/job.ts";
import { checkpoint, writableFolder } from "../../options/paths.ts";
import { automationOptions, compatOptions } from "../../options/shared.ts";
import { mergeModelsOptions } from "./options.ts";

export const mergeModelsJob = job({
  groups: [mergeModelsOptions, compatOptions, automationOptions],
  about:
    "The sum of each tensor of all models, times their ratios. What a model lacks is taken from the first one; " +
    "what only others have is left out.",
  examples: [
    "easel merge_models --models builtin:tiny out/tuned.safetensors --ratios 0.7 0.3 --output out/mixed.safetensors " +
    "--saving_precision fp16",
  ],
  check({ models, ratios, output }) {
    if (ratios !== null && ratios.length !== models.length) {
      throw new UsageError(
        `--models names ${counted(models.length, "model")}, --ratios ${
          counted(ratios.length, "number")
        }; give one ratio for each model`,
      );
    }
    for (const model of models) checkpoint("models", model);
    writableFolder("output", dirname(output));
  },
  async run(config, context) {
    const { mergeModels } = await import("./merge_models.ts");
    await mergeModels(config, context);
  },
});
