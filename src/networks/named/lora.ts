/** networks.lora and networks.lora_fa of sd-scripts. */

import { loraFa } from "../kinds/lora_fa.ts";
import { LORA_KEYS, loraOptions } from "../sites/args.ts";
import { loraModules } from "../sites/modules.ts";
import type { NamedNetwork } from "./named.ts";

export const namedLora: NamedNetwork = {
  name: "networks.lora",
  options: (flags, table, compat) => loraOptions(flags, table, compat),
  modules: loraModules,
};

export const namedLoraFa: NamedNetwork = {
  name: "networks.lora_fa",
  options(flags, table, compat) {
    const keys = LORA_KEYS.filter((key) => !key.startsWith("loraplus"));
    return { ...loraOptions(flags, table, compat, this.name, keys), kind: loraFa };
  },
  modules: loraModules,
};
