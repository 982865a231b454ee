/** easel merge_lora: sd-scripts' networks/merge_lora.py, for SDXL too. */

import { UsageError } from "../base/errors.ts";
import { counted } from "../base/phrases.ts";
import { job } from "../options/job.ts";
import { automationOptions, compatOptions } from "../options/shared.ts";
import type { ConfigOf } from "../options/mod.ts";
import { checkpoint, modelFile, safetensorsFile } from "../options/paths.ts";
import { exclusive } from "../options/rules.ts";
import { mergeLoraOptions } from "./options.ts";

const GROUPS = [mergeLoraOptions, compatOptions, automationOptions] as const;

export const mergeLoraJob = job({
  groups: GROUPS,
  about:
    "With --sd_model the LoRAs are added into the model. Without it they become one LoRA: their factors are added, " +
    "which suits LoRAs of one training; --concat gives the exact weighted sum of any, at the sum of their ranks.",
  examples: [
    "easel merge_lora --models out/cat.safetensors out/cat16.safetensors --ratios 0.8 0.5 --concat " +
    "--save_to out/both.safetensors",
    "easel merge_lora --sd_model builtin:tiny --models out/cat.safetensors --ratios 0.8 --save_to out/merged.safetensors " +
    "--save_precision fp16",
  ],
  check,
  async run(config, context) {
    const { mergeLora } = await import("./merge_lora.ts");
    await mergeLora(config, context);
  },
});

function check(values: ConfigOf<typeof GROUPS>): void {
  const { models, ratios } = values;
  if (models.length !== ratios.length) {
    throw new UsageError(
      `--models names ${counted(models.length, "file")}, --ratios ${
        counted(ratios.length, "number")
      }; give one ratio for each file`,
    );
  }
  exclusive("sd_model", values.sdModel !== null, "concat", values.concat);
  exclusive("sd_model", values.sdModel !== null, "shuffle", values.shuffle);
  checkpoint("sd_model", values.sdModel);
  for (const model of models) modelFile("models", model);
  safetensorsFile("save_to", values.saveTo);
}
