/** --save_lora_keys of the tools that write networks. */

import { deepStrictEqual, ok, rejects } from "node:assert/strict";
import { join } from "node:path";
import { modelPath } from "../../src/base/assets.ts";
import { quietContext } from "../../src/base/job.ts";
import { openSafetensors } from "../../src/formats/mod.ts";
import { openModel } from "../../src/models/mod.ts";
import { keysOf, loadLora, networkNamed, saveLora, tensorShapes } from "../../src/networks/mod.ts";
import { withDefaults } from "../../src/options/mod.ts";
import { compatOptions } from "../../src/options/shared.ts";
import { mergeLora } from "../../src/tools/network/merge_lora.ts";
import { mergeLoraOptions, resizeLoraOptions, svdMergeLoraOptions } from "../../src/tools/network/options.ts";
import { resizeLora } from "../../src/tools/network/resize_lora.ts";
import { svdMergeLora } from "../../src/tools/network/svd_merge_lora.ts";
import { relL2 } from "../golden/compare.ts";
import { uniform } from "../golden/synth.ts";
import { deltaOf } from "../networks/delta.ts";
import { writeTinyLora } from "../training/tiny_run.ts";

const CONFIG = withDefaults([mergeLoraOptions, compatOptions], {
  models: [],
  ratios: [],
  saveTo: "",
  device: "cpu",
  threads: 1,
});

Deno.test("tools write networks under others' keys", async () => {
  const dir = Deno.makeTempDirSync({ prefix: "easel-keys-" });
  const at = (name: string) => join(dir, `${name}.safetensors`),
    builtin = openModel(modelPath("builtin:tiny"));
  const named = networkNamed("networks.lora"),
    flags = { dim: 3, alpha: 1, dropout: null, args: ["conv_dim=2"] };
  const options = named.options(flags, builtin.family.sites.blocks, false);
  const modules = named.modules(builtin.shapes, builtin.family, options, {}).slice(0, 40);
  const size = (shape: readonly number[]) => shape.reduce((a, d) => a * d, 1);
  saveLora(
    at("a"),
    modules,
    new Map([...tensorShapes(modules)].map(([key, s]) => [key, uniform(key, size(s), 0.3)])),
    "F32",
  );
  const common = { saveTo: at("out"), saveLoraKeys: "comfy" as const },
    files = { models: [at("a")], ratios: [1] };
  const shared = [compatOptions] as const;
  const tools: [string, () => Promise<void>][] = [
    ["merge_lora", () => mergeLora({ ...CONFIG, ...common, ...files }, quietContext())],
    [
      "svd_merge_lora",
      () =>
        svdMergeLora(
          withDefaults([svdMergeLoraOptions, ...shared], { ...common, ...files, newRank: 3 }),
          quietContext(),
        ),
    ],
    [
      "resize_lora",
      () =>
        resizeLora(
          withDefaults([resizeLoraOptions, ...shared], { ...common, model: at("a"), newRank: 3 }),
          quietContext(),
        ),
    ],
  ];
  for (const [tool, run] of tools) {
    for (const saveLoraKeys of ["comfy", "diffusers"] as const) {
      Object.assign(common, { saveLoraKeys });
      await run();
      using before = openSafetensors(at("a")), after = openSafetensors(at("out"));
      ok(
        after.keys().every((key) => /^(text_encoders?\.|diffusion_model\.|unet\.)/.test(key)),
        `${tool} ${saveLoraKeys}`,
      );
      const [x, y] = [before, after].map((file) => loadLora(file, builtin.shapes, builtin.family));
      deepStrictEqual(y.modules.map((m) => m.name), x.modules.map((m) => m.name));
      const module = modules[0], { down, up } = keysOf(module);
      const [p, q] = [x, y].map(({ modules, weights }) =>
        deltaOf(modules[0], weights.get(down)!, weights.get(up)!)
      );
      ok(relL2(q, p) < 1e-5, tool);
    }
  }
  Object.assign(common, { saveLoraKeys: "comfy" });
  writeTinyLora(at("odd"), "odd", 2);
  await rejects(
    mergeLora({ ...CONFIG, ...common, models: [at("odd")], ratios: [1] }, quietContext()),
    /fits no model that easel knows, so --save_lora_keys comfy cannot name its layers/,
  );
  builtin.close();
  Deno.removeSync(dir, { recursive: true });
});
