/** easel check_lora_weights FILE: sd-scripts' networks/check_lora_weights.py. */

import { counted } from "../../base/phrases.ts";
import { command } from "../command.ts";
import { modelFile } from "../../options/paths.ts";
import { checkLoraWeightsOptions } from "../../tools/network/options.ts";
import { print } from "../screen/output.ts";
import { oneLine } from "../screen/screen.ts";

export const checkLoraWeights = command({
  groups: [checkLoraWeightsOptions],
  positionals: ["FILE"],
  completes: "model",
  about: "A line for each tensor of the network: name, shape, mean and least of the absolute values.",
  examples: ["easel check_lora_weights out/cat.safetensors"],
  check: ({ positionals }) => modelFile("FILE", positionals[0]),
  async run({ values, positionals }) {
    const { sizeLine, weightSizes } = await import("../../tools/network/check_lora_weights.ts");
    let count = 0;
    for (const tensor of weightSizes(positionals[0], values.showAllKeys)) {
      print(oneLine(sizeLine(tensor)));
      count++;
    }
    print(counted(count, "tensor"));
  },
});
