import { deepStrictEqual, ok, throws } from "node:assert/strict";
import { networkNamed } from "../../../src/networks/mod.ts";
import { family } from "../../golden/synth_models.ts";
import { TINY_SD2 } from "../../training/tiny_run.ts";
import { sd15, sdxl } from "../models.ts";

function modules(args: string[], model: "sd1" | "sdxl", dim = 4) {
  const named = networkNamed("lycoris.kohya"), { sites } = family(model);
  const options = named.options({ dim, alpha: 1, dropout: null, args }, sites.blocks, false);
  return named.modules(model === "sd1" ? sd15() : sdxl(), family(model), options, {});
}

/** Text encoder and U-Net modules of SD1.5 and of SDXL, as LyCORIS makes them. */
const COUNTS: Readonly<Record<string, readonly [te: number, unet: number, sdxlUnet: number]>> = {
  "full": [72, 282, 788],
  "full-lin": [72, 230, 750], // 22 and 17 resnets with time, 14 and 11 with a shortcut; SD1 has two layers of time besides
  "attn-mlp": [72, 192, 722],
  "attn-only": [48, 128, 560],
  "unet-transformer-only": [0, 192, 722],
};

Deno.test("presets join the layers of the classes that they name", () => {
  for (const [preset, [te, unet, large]] of Object.entries(COUNTS)) {
    const small = modules([`preset=${preset}`], "sd1"), text = small.filter((m) => m.part !== "unet").length;
    const more = modules([`preset=${preset}`], "sdxl").filter((m) => m.part === "unet").length;
    deepStrictEqual([text, small.length - text, more], [te, unet, large], preset);
  }
  const names = modules(["preset=unet-convblock-only"], "sd1").map((m) => m.name);
  ok(names.includes("lora_unet_conv_in") && names.every((name) => !/attentions|lora_te/.test(name)));
  const ia3 = modules(["preset=ia3", "algo=ia3"], "sd1");
  ok(ia3.every((m) => /to_[kv]$|ff_net_2$|[kv]_proj$|mlp_fc2$/.test(m.name)));
  ok(ia3.every((m) => !!m.settings?.onInput === /ff_net_2$|mlp_fc2$/.test(m.name)));
});

Deno.test("a preset file gives classes and names algorithms and sizes of their own", () => {
  const path = Deno.makeTempFileSync({ suffix: ".toml" });
  try {
    Deno.writeTextFileSync(
      path,
      `enable_conv = true
unet_target_module = ["Transformer2DModel", "ResnetBlock2D"]
unet_target_name = ["conv_in", ".*upsamplers.0.conv"]
text_encoder_target_module = ["CLIPMLP"]
[module_algo_map.CrossAttention]
algo = "lokr"
dim = 2
factor = 8
[module_algo_map.ResnetBlock2D]
algo = "loha"
[name_algo_map."conv_in"]
algo = "full"
`,
    );
    const all = modules(["algo=lora", `preset=${path}`], "sd1");
    const kind = (
      pattern: RegExp,
    ) => [...new Set(all.filter((m) => pattern.test(m.name)).map((m) => m.kind.name))];
    deepStrictEqual(kind(/_attn[12]_/), ["LoKr"]);
    deepStrictEqual(kind(/_resnets_/), ["LoHa"]);
    deepStrictEqual(kind(/_ff_|proj_(in|out)|lora_te/), ["LoRA"]);
    deepStrictEqual(kind(/conv_in$/), ["full difference"]);
    deepStrictEqual(kind(/upsamplers/), ["LoRA"]);
    deepStrictEqual(all.filter((m) => /self_attn/.test(m.name)), []);
    Deno.writeTextFileSync(path, "enable_conv = 1");
    throws(() => modules([`preset=${path}`], "sd1"), /enable_conv is 1; give true or false/);
    Deno.writeTextFileSync(path, "colour = 1");
    throws(() => modules([`preset=${path}`], "sd1"), /colour is no key of a preset; there are enable_conv,/);
  } finally {
    Deno.removeSync(path);
  }
});

Deno.test("SD2's projections are 1x1 convolutions, as in every network that sd-scripts makes", () => {
  const { shapes, family } = TINY_SD2, named = networkNamed("lycoris.kohya");
  const options = named.options({ dim: 4, alpha: 1, dropout: null, args: [] }, family.sites.blocks, false);
  const found = named.modules(shapes, family, options, {}).find(({ name }) => name.endsWith("proj_in"))!;
  deepStrictEqual(found.alpha, { value: 1, integer: false });
  deepStrictEqual(found.tensors, { "lora_down.weight": [4, 64, 1, 1], "lora_up.weight": [64, 4, 1, 1] });
});
