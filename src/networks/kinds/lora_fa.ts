/** LoRA-FA (arXiv 2308.03303), as sd-scripts' networks/lora_fa.py: a LoRA whose lora_down stays as it was drawn. */

import { elements } from "../../graph/mod.ts";
import type { NetworkKind } from "./kind.ts";
import { DOWN, lora, UP } from "./lora.ts";

export const loraFa: NetworkKind = {
  ...lora,
  name: "LoRA-FA",
  marks: [], // in a file it is a LoRA
  initial({ rank, shape, tensors: { [DOWN]: down, [UP]: up } }, generator) {
    generator.uniform(0, 1, elements(down) + elements(up)); // the constructors of the two layers
    const deviation = Math.sqrt(2 / (shape[1] + rank));
    return { [DOWN]: generator.normal(0, deviation, elements(down)), [UP]: new Float32Array(elements(up)) };
  },
  trains: (suffix) => suffix === UP,
  rests: (suffix) => suffix === UP ? "cleared" : "gathered",
  filed: { kind: lora, pack: (_, values) => values, unpack: (_, values) => values },
};
