/** easel resize_lora: sd-scripts' networks/resize_lora.py. */

import { UsageError } from "../../../base/errors.ts";
import { job } from "../../../options/job.ts";
import { automationOptions, compatOptions } from "../../../options/shared.ts";
import type { ConfigOf } from "../../../options/mod.ts";
import { modelFile, tensorFile } from "../../../options/paths.ts";
import { resizeLoraOptions } from "../options.ts";

const GROUPS = [resizeLoraOptions, compatOptions, automationOptions] as const;

export const resizeLoraJob = job({
  groups: GROUPS,
  about:
    "Each module becomes the best one of its new rank. With --dynamic_method the rank is as low as the threshold allows.",
  examples: [
    "easel resize_lora --model out/cat.safetensors --new_rank 4 --save_to out/small.safetensors",
    "easel resize_lora --model out/cat.safetensors --new_rank 32 --dynamic_method sv_fro --dynamic_param 0.9 " +
    "--save_to out/small.safetensors --save_precision fp16 --verbose",
  ],
  check,
  async run(config, context) {
    const { resizeLora } = await import("../resize_lora.ts");
    await resizeLora(config, context);
  },
});

function check(values: ConfigOf<typeof GROUPS>): void {
  modelFile("model", values.model);
  tensorFile("save_to", values.saveTo);
  const { dynamicMethod, dynamicParam } = values;
  if (dynamicMethod !== null && !dynamicParam) {
    throw new UsageError(`--dynamic_method ${dynamicMethod} needs --dynamic_param`);
  }
  if (dynamicMethod === null && dynamicParam !== null) {
    throw new UsageError("--dynamic_param needs --dynamic_method");
  }
  if (dynamicParam !== null && (dynamicParam < 0 || (dynamicMethod !== "sv_ratio" && dynamicParam > 1))) {
    const range = dynamicMethod === "sv_ratio"
      ? "a ratio of singular values, 1 or more"
      : "a share, above 0 and up to 1";
    throw new UsageError(`--dynamic_param ${dynamicParam}: ${dynamicMethod} takes ${range}`);
  }
}
