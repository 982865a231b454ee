import { deepStrictEqual } from "node:assert/strict";
import { networkNamed, parameterGroups } from "../../../src/networks/mod.ts";
import { family } from "../../golden/synth_models.ts";
import { sdxl } from "../models.ts";

const MODEL = family("sdxl"), SHAPES = sdxl(), NAMED = networkNamed("networks.lora");

/** The groups' names with their rates, at a rate of 1, and what they train. */
function rates(...args: string[]): string[] {
  const options = NAMED.options({ dim: 4, alpha: 2, dropout: null, args }, MODEL.sites.blocks, false);
  const modules = NAMED.modules(SHAPES, MODEL, options, {});
  return parameterGroups(modules, options, { default: 1, unet: null, textEncoder: null })
    .map(({ description, lr, keys }) => {
      const trained = new Set(keys.map((key) => key.split(".")[1]));
      return `${description} ${lr} ${[...trained].join("+")}`;
    });
}

Deno.test("a LoRA+ ratio of 0 for one part is none given, for both lora_up rests", () => {
  deepStrictEqual(rates("loraplus_lr_ratio=0"), ["textencoder 1 lora_down", "unet 1 lora_down"]);
  deepStrictEqual(rates("loraplus_unet_lr_ratio=0"), [
    "textencoder 1 lora_down+lora_up",
    "unet 1 lora_down+lora_up",
  ]);
  deepStrictEqual(rates("loraplus_unet_lr_ratio=0", "loraplus_lr_ratio=4"), rates("loraplus_lr_ratio=4"));
  deepStrictEqual(
    rates("loraplus_text_encoder_lr_ratio=2", "loraplus_lr_ratio=0"),
    ["textencoder 1 lora_down", "textencoder plus 2 lora_up", "unet 1 lora_down"],
  );
});
