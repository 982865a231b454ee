/** easel extract_lora_from_dylora: sd-scripts' networks/extract_lora_from_dylora.py. */

import { modelFile, tensorFile } from "../../../options/paths.ts";
import { job } from "../../../options/job.ts";
import { automationOptions } from "../../../options/shared.ts";
import { splitDyloraOptions } from "../options.ts";

export const extractLoraFromDyloraJob = job({
  groups: [splitDyloraOptions, automationOptions],
  about: "Writes NAME-0004.safetensors, NAME-0008.safetensors and so on below the file's own rank.",
  examples: [
    "easel extract_lora_from_dylora --model out/cat.safetensors --unit 4 --save_to out/split.safetensors",
  ],
  check(values) {
    modelFile("model", values.model);
    tensorFile("save_to", values.saveTo);
  },
  async run(values, context) {
    const { splitDylora } = await import("../split_dylora.ts");
    await splitDylora(values, context);
  },
});
