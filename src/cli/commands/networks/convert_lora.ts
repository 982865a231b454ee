/** easel convert_lora IN OUT: a network's file under others' keys, or as a plain LoRA. */

import { dirname } from "node:path";
import { UsageError } from "../../../base/errors.ts";
import { checkpoint, modelFile, writableFolder } from "../../../options/paths.ts";
import { automationOptions } from "../../../options/shared.ts";
import { checkDevice } from "../../../runtime/check_device.ts";
import { convertLoraOptions } from "../../../tools/network/options.ts";
import { command } from "../../command.ts";

export const convertLoraCommand = command({
  groups: [convertLoraOptions, automationOptions],
  positionals: ["IN", "OUT"],
  completes: "model",
  about:
    "IN is a network of any kind in any dialect. --to kohya, diffusers or comfy writes the same network under other keys " +
    "(diffusers reads plain LoRAs only). --to lora makes a plain LoRA of whatever it is: the nearest to each layer's " +
    "change, and says how much is lost. OFT, BOFT, GLoRA, IA3 and DoRA change a layer by what the layer is and need " +
    "--sd_model for that.",
  examples: [
    "easel convert_lora out/cat.safetensors cat_comfy.safetensors --to comfy",
    "easel convert_lora cat_comfy.safetensors cat_diffusers.safetensors --to diffusers --save_precision fp16",
    "easel convert_lora out/cat16.safetensors cat_plain.safetensors --to lora --dim 4 --sd_model builtin:tiny",
  ],
  check({ values, positionals: [from, to] }) {
    modelFile("IN", from);
    checkpoint("sd_model", values.sdModel);
    checkDevice({ device: values.device ?? "auto" });
    writableFolder("OUT", dirname(to));
    for (const name of ["dim", "convDim"] as const) {
      if (values[name] !== null && values.to !== "lora") {
        throw new UsageError(
          `--${name === "dim" ? "dim" : "conv_dim"} ${values[name]}: is for --to lora; leave it away`,
        );
      }
    }
  },
  async run({ values, positionals: [from, to] }, context) {
    const { convertLora } = await import("../../../tools/network/any_kind/convert_lora.ts");
    await convertLora(values, from, to, context);
  },
});
