/** easel svd_merge_lora: sd-scripts' networks/svd_merge_lora.py. */

import { modelFile, tensorFile } from "../../../options/paths.ts";
import { job } from "../../../options/job.ts";
import { automationOptions, compatOptions } from "../../../options/shared.ts";
import { svdMergeLoraOptions } from "../options.ts";
import { checkModelLists } from "./merge_lora.ts";

export const svdMergeLoraJob = job({
  groups: [svdMergeLoraOptions, compatOptions, automationOptions],
  about:
    "The weighted sum of LoRAs of any ranks becomes the nearest LoRA of the new rank. --lbws takes one list of weights " +
    'by block for each LoRA, such as "[1,0.5,...]": 17 or 26 values for SD1 and SD2, 12 or 20 for SDXL.',
  examples: [
    "easel svd_merge_lora --models out/cat.safetensors out/cat16.safetensors --ratios 0.8 0.5 --new_rank 8 " +
    "--save_to out/both.safetensors",
    "easel svd_merge_lora --models out/cat.safetensors --ratios 1 --lbws [1,0,0,0,0,0,0,1,1,1,1,1,1,1,1,1,1] " +
    "--new_rank 4 --save_to out/half.safetensors",
  ],
  check(values) {
    checkModelLists(values);
    for (const model of values.models) modelFile("models", model);
    tensorFile("save_to", values.saveTo);
  },
  async run(values, context) {
    const { svdMergeLora } = await import("../svd_merge_lora.ts");
    await svdMergeLora(values, context);
  },
});
