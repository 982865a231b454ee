/** easel extract_lora_from_models: sd-scripts' networks/extract_lora_from_models.py. */

import { checkpoint, tensorFile } from "../../../options/paths.ts";
import { exclusive } from "../../../options/rules.ts";
import { checkDevice } from "../../../runtime/check_device.ts";
import { job } from "../../../options/job.ts";
import { automationOptions, compatOptions } from "../../../options/shared.ts";
import { extractLoraOptions } from "../options.ts";

export const extractLoraFromModelsJob = job({
  groups: [extractLoraOptions, compatOptions, automationOptions],
  about:
    "Each layer's difference becomes the nearest LoRA of the rank. Text encoders are left out where they do not differ. " +
    "sd-scripts cuts the largest values of the factors off, which moves the result by several percent; here that is " +
    "done where --clamp_quantile is given, and with --compat.",
  examples: [
    "easel extract_lora_from_models --model_org builtin:tiny --model_tuned out/merged.safetensors --dim 8 " +
    "--save_to out/extracted.safetensors",
    "easel extract_lora_from_models --model_org builtin:tiny --model_tuned out/merged.safetensors --dim 8 --conv_dim 4 " +
    "--save_precision fp16 --save_to out/extracted.safetensors",
  ],
  check(values) {
    exclusive("v2", values.v2, "sdxl", values.sdxl);
    checkDevice({ device: values.device ?? "auto" });
    checkpoint("model_org", values.modelOrg);
    checkpoint("model_tuned", values.modelTuned);
    tensorFile("save_to", values.saveTo);
  },
  async run(values, context) {
    const { extractLora } = await import("../extract_lora.ts");
    await extractLora(values, context);
  },
});
