/** easel merge_lora: sd-scripts' networks/merge_lora.py, for SDXL too. */

import { UsageError } from "../../../base/errors.ts";
import { counted } from "../../../base/phrases.ts";
import type { JobContext } from "../../../base/job.ts";
import { job } from "../../../options/job.ts";
import { automationOptions, compatOptions } from "../../../options/shared.ts";
import { checkpoint, modelFile, tensorFile } from "../../../options/paths.ts";
import { exclusive } from "../../../options/rules.ts";
import { checkDevice } from "../../../runtime/check_device.ts";
import { type MergeLoraConfig, mergeLoraOptions, sdxlMergeLoraOptions } from "../options.ts";

export const mergeLoraJob = job({
  groups: [mergeLoraOptions, compatOptions, automationOptions],
  about:
    "With --sd_model networks of any kind are added into the model. Without it they become one LoRA: their factors are added, " +
    "which suits LoRAs of one training; --concat gives the exact weighted sum of any, at the sum of their ranks.",
  examples: [
    "easel merge_lora --models out/cat.safetensors out/cat16.safetensors --ratios 0.8 0.5 --concat " +
    "--save_to out/both.safetensors",
    "easel merge_lora --sd_model builtin:tiny --models out/cat.safetensors --ratios 0.8 --save_to out/merged.safetensors " +
    "--save_precision fp16",
  ],
  check: (values) => checkMerge(values),
  run: (values, context) => run(values, context),
});

export const sdxlMergeLoraJob = job({
  groups: [sdxlMergeLoraOptions, compatOptions, automationOptions],
  about:
    "merge_lora with sd-scripts' other name for SDXL. --lbws takes one list of weights by block for each LoRA, such as " +
    '"[1,0.5,...]": 12, 17, 20 or 26 values.',
  examples: [
    "easel sdxl_merge_lora --models out/cat.safetensors out/cat16.safetensors --ratios 0.8 0.5 --concat " +
    "--save_to out/both.safetensors",
  ],
  check: (values) => checkMerge(values),
  run: (values, context) => run({ ...values, v2: false }, context),
});

async function run(config: MergeLoraConfig, context: JobContext): Promise<void> {
  const { mergeLora } = await import("../merge_lora.ts");
  await mergeLora(config, context);
}

function checkMerge(values: Omit<MergeLoraConfig, "v2">): void {
  checkModelLists(values);
  exclusive("sd_model", values.sdModel !== null, "concat", values.concat);
  exclusive("sd_model", values.sdModel !== null, "shuffle", values.shuffle);
  exclusive("sd_model", values.sdModel !== null, "save_lora_keys", values.saveLoraKeys !== null);
  checkDevice({ device: values.device ?? "auto" });
  checkpoint("sd_model", values.sdModel);
  for (const model of values.models) modelFile("models", model);
  tensorFile("save_to", values.saveTo);
}

/** A ratio for each file, and a list of block weights where any is given. */
export function checkModelLists(
  { models, ratios, lbws }: {
    models: readonly string[];
    ratios: readonly number[];
    lbws: readonly string[] | null;
  },
): void {
  const files = models.length;
  if (files !== (ratios.length)) {
    throw new UsageError(
      `--models names ${counted(files, "file")}, --ratios ${
        counted(ratios.length, "number")
      }; give one ratio for each file`,
    );
  }
  if (lbws !== null && lbws.length !== files) {
    throw new UsageError(
      `--models names ${counted(files, "file")}, --lbws ${
        counted(lbws.length, "list")
      }; give one list for each file`,
    );
  }
}
