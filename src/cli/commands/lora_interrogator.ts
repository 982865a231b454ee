/** easel lora_interrogator: sd-scripts' networks/lora_interrogator.py. */

import { command } from "../command.ts";
import { checkpoint, modelFile } from "../../options/paths.ts";
import { checkDevice } from "../../runtime/check_device.ts";
import { deviceOptions } from "../../runtime/options.ts";
import { interrogateOptions } from "../../tools/network/options.ts";
import { print } from "../screen/output.ts";
import { oneLine } from "../screen/screen.ts";

/** As many as sd-scripts prints. */
const SHOWN = 100;

export const loraInterrogator = command({
  groups: [interrogateOptions, deviceOptions],
  about:
    "Encodes every token of the vocabulary with and without the LoRA; the hundred most changed are printed.",
  examples: [
    "easel lora_interrogator --sd_model builtin:tiny --model out/cat.safetensors --batch_size 512",
  ],
  check({ values }) {
    checkDevice(values);
    checkpoint("sd_model", values.sdModel);
    modelFile("model", values.model);
  },
  async run({ values }, context) {
    const { interrogate } = await import("../../tools/network/lora_interrogator.ts");
    const changed = await interrogate(values, context);
    print(`top ${SHOWN}:`);
    changed.slice(0, SHOWN).forEach(({ id, text, difference }, i) => {
      const place = String(i).padStart(3), number = String(id).padStart(5);
      print(oneLine(`[${place}]: ${number} ${text.padEnd(20)}: ${difference.toFixed(5)}`));
    });
  },
});
