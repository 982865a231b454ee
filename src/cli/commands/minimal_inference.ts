/** easel sdxl_minimal_inference: sd-scripts' script of that name. */

import { exclusive } from "../../options/rules.ts";
import { checkpoint, modelFile, writableFolder } from "../../options/paths.ts";
import { UsageError } from "../../base/errors.ts";
import { checkDevice } from "../../runtime/check_device.ts";
import { readLoraWeight } from "../../generation/minimal/loras.ts";
import { minimalGroups } from "../../generation/minimal/options.ts";
import { command } from "../command.ts";
import { asker } from "../screen/ask.ts";

export const sdxlMinimalInference = command({
  groups: minimalGroups,
  usual: ["prompt", "negative_prompt", "output_dir", "lora_weights"],
  about:
    "Prompts are plain words: brackets and BREAK mean nothing. gen_img has more samplers, batches and options in prompts.",
  examples: [
    'easel sdxl_minimal_inference --ckpt_path sdxl.safetensors --prompt "a red circle" --lora_weights "cat.safetensors;0.8"',
  ],
  check({ values }) {
    checkDevice(values);
    exclusive("fp16", values.fp16, "bf16", values.bf16);
    for (const name of ["W", "H"] as const) {
      if (values[name] % 8 !== 0) {
        throw new UsageError(`--${name} is a multiple of 8, ${values[name]} was given`);
      }
    }
    checkpoint("ckpt_path", values.ckptPath);
    for (const text of values.loraWeights ?? []) modelFile("lora_weights", readLoraWeight(text).path);
    writableFolder("output_dir", values.outputDir);
  },
  async run({ values }, context) {
    const { minimalInference } = await import("../../generation/minimal/minimal_inference.ts");
    const console = values.interactive ? asker(context.signal) : null;
    try {
      await minimalInference(values, context, console?.ask ?? (() => Promise.resolve(null)));
    } finally {
      await console?.close();
    }
  },
});
