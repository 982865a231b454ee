/** Files under everybody's keys: written, read back, and held against what others look for. */

import { deepStrictEqual, match, ok, throws } from "node:assert/strict";
import { join } from "node:path";
import { openSafetensors, writeSafetensors } from "../../../src/formats/safetensors.ts";
import {
  initialWeights,
  keysOf,
  loadLora,
  type NetworkModule,
  networkNamed,
  saveLora,
  scaleOf,
  tensorShapes,
} from "../../../src/networks/mod.ts";
import { TorchGenerator } from "../../../src/random/mod.ts";
import { uniform } from "../../golden/synth.ts";
import { TINY } from "../../training/tiny_run.ts";
import { sdxl } from "../models.ts";
import { family } from "../../golden/synth_models.ts";

const size = (shape: readonly number[]) => shape.reduce((a, d) => a * d, 1);

function network(name: string, args: string[], dim = 2): NetworkModule[] {
  const named = networkNamed(name);
  const options = named.options({ dim, alpha: 1, dropout: null, args }, TINY.family.sites.blocks, false);
  return named.modules(TINY.shapes, TINY.family, options, {});
}

const weightsOf = (modules: readonly NetworkModule[]) =>
  new Map([...tensorShapes(modules)].map(([key, shape]) => [key, uniform(key, size(shape), 0.5)]));

function inFolder(body: (path: string) => void): void {
  const dir = Deno.makeTempDirSync({ prefix: "easel-dialects-" });
  try {
    body(join(dir, "net.safetensors"));
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
}

/** What a file says, as products of a LoRA's factors. */
function products(
  modules: readonly NetworkModule[],
  weights: ReadonlyMap<string, Float32Array>,
): Map<string, number[]> {
  return new Map(modules.map((m) => {
    const { down, up } = keysOf(m),
      [d, u] = [weights.get(down)!, weights.get(up)!],
      width = d.length / m.rank;
    const first = Array.from({ length: width }, (_, i) => {
      let sum = 0;
      for (let r = 0; r < m.rank; r++) sum += u[r] * d[r * width + i];
      return Math.fround(scaleOf(m) * sum);
    });
    return [m.name, first];
  }));
}

const WRITTEN: Readonly<Record<"kohya" | "diffusers" | "comfy", readonly RegExp[]>> = {
  kohya: [
    /^lora_te_text_model_encoder_layers_0_mlp_fc1\.lora_up\.weight$/,
    /^lora_unet_down_blocks_0_.*\.alpha$/,
  ],
  diffusers: [
    /^text_encoder\.text_model\.encoder\.layers\.0\.mlp\.fc1\.lora\.up\.weight$/,
    /^unet\.down_blocks\.0\.attentions\.0\.transformer_blocks\.0\.attn1\.to_q\.lora\.down\.weight$/,
  ],
  comfy: [
    /^text_encoders\.clip_l\.transformer\.text_model\.encoder\.layers\.0\.mlp\.fc1\.lora_up\.weight$/,
    /^diffusion_model\.input_blocks\.1\.1\.transformer_blocks\.0\.attn1\.to_q\.lora_down\.weight$/,
  ],
};

for (const dialect of ["kohya", "diffusers", "comfy"] as const) {
  Deno.test(`a LoRA is written under ${dialect}'s keys and read back`, () =>
    inFolder((path) => {
      const modules = network("networks.lora", ["conv_dim=2"]), weights = weightsOf(modules);
      saveLora(path, modules, weights, "F32", {}, dialect);
      using file = openSafetensors(path);
      for (const pattern of WRITTEN[dialect]) ok(file.keys().some((key) => pattern.test(key)), `${pattern}`);
      const notes: string[] = [],
        back = loadLora(file, TINY.shapes, TINY.family, (line) => void notes.push(line));
      deepStrictEqual(notes, []);
      deepStrictEqual(back.modules.map((m) => m.name), modules.map((m) => m.name));
      const wanted = products(modules, weights);
      for (const [name, values] of products(back.modules, back.weights)) {
        ok(values.every((v, i) => Math.abs(v - wanted.get(name)![i]) < 1e-6), name);
      }
    }));
}

Deno.test("other kinds are written under ComfyUI's keys, and not under diffusers'", () =>
  inFolder((path) => {
    const modules = network("networks.loha", []), weights = weightsOf(modules);
    saveLora(path, modules, weights, "F32", {}, "comfy");
    using file = openSafetensors(path);
    const back = loadLora(file, TINY.shapes, TINY.family);
    deepStrictEqual(back.modules.map((m) => [m.name, m.kind.name]), modules.map((m) => [m.name, "LoHa"]));
    throws(
      () => saveLora(`${path}2`, modules, weights, "F32", {}, "diffusers"),
      /is of kind LoHa, diffusers reads plain LoRAs only; give kohya or comfy/,
    );
  }));

Deno.test("PEFT's files are read with the alpha of the adapter_config.json beside them, and its DoRA", () =>
  inFolder((path) => {
    const te = "base_model.model.text_model.encoder.layers.0.self_attn.q_proj";
    const tensor = (name: string, shape: number[]) => ({
      ...{ name, dtype: "F32", shape },
      data: new Uint8Array(uniform(name, size(shape), 0.5).buffer),
    });
    const layer = "base_model.model.down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q";
    const tensors = [
      ...[tensor(`${te}.lora_A.weight`, [4, 64]), tensor(`${te}.lora_B.weight`, [64, 4])],
      ...[
        tensor(`${layer}.lora_A.default.weight`, [2, 32]),
        tensor(`${layer}.lora_B.default.weight`, [32, 2]),
      ],
      tensor(`${layer}.lora_magnitude_vector.default.weight`, [32]),
    ];
    writeSafetensors(path, tensors, {});
    const config = {
      r: 4,
      lora_alpha: 8,
      use_rslora: false,
      rank_pattern: {},
      alpha_pattern: { "attn1.to_q": 6 },
    };
    Deno.writeTextFileSync(join(path, "../adapter_config.json"), JSON.stringify(config));
    using file = openSafetensors(path);
    const { modules, weights } = loadLora(file, TINY.shapes, TINY.family);
    deepStrictEqual(modules.map((m) => [m.name, m.kind.name, m.rank, m.alpha.value]), [
      ["lora_te_text_model_encoder_layers_0_self_attn_q_proj", "LoRA", 4, 8],
      ["lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q", "LoRA with DoRA", 2, 6],
    ]);
    deepStrictEqual(modules[1].tensors.dora_scale, [32, 1]);
    deepStrictEqual(weights.get(`${modules[1].name}.dora_scale`)!.length, 32);
    Deno.writeTextFileSync(join(path, "../adapter_config.json"), '{"r": "four"}');
    using again = openSafetensors(path);
    throws(
      () => loadLora(again, TINY.shapes, TINY.family),
      /adapter_config\.json: r is "four", a rank is wanted/,
    );
  }));

/**
 * Key suffixes and shapes that ComfyUI's comfy/weight_adapter/*.py and comfy/lora.py, and A1111's
 * extensions-builtin/Lora/network_*.py look for, of a layer [out, in] = [640, 1280] and a kernel [320, 640, 3, 3].
 */
const LINEAR = "lora_unet_output_blocks_3_1_transformer_blocks_0_ff_net_2",
  KERNEL = "lora_unet_output_blocks_6_0_in_layers_2";
const LOOKED_FOR: Readonly<
  Record<string, Readonly<Record<string, Readonly<Record<string, readonly number[]>>>>>
> = {
  "algo=locon use_tucker=True": { // lora.py: up (out, r), mid (r, r, k, k), down (r, in)
    [LINEAR]: { "lora_up.weight": [640, 8], "lora_down.weight": [8, 2560] },
    [KERNEL]: {
      "lora_up.weight": [320, 8, 1, 1],
      "lora_mid.weight": [8, 8, 3, 3],
      "lora_down.weight": [8, 960, 1, 1],
    },
  },
  "algo=loha": { // loha.py: w1b.shape[0] is the rank
    [LINEAR]: { hada_w1_a: [640, 8], hada_w1_b: [8, 2560], hada_w2_a: [640, 8], hada_w2_b: [8, 2560] },
    [KERNEL]: { hada_w1_a: [320, 8], hada_w1_b: [8, 8640], hada_w2_a: [320, 8], hada_w2_b: [8, 8640] },
  },
  "algo=loha use_tucker=True": {
    [KERNEL]: {
      ...{ hada_t1: [8, 8, 3, 3], hada_w1_a: [8, 320], hada_w1_b: [8, 960] },
      ...{ hada_t2: [8, 8, 3, 3], hada_w2_a: [8, 320], hada_w2_b: [8, 960] },
    },
  },
  "algo=lokr factor=8": { // lokr.py: kron(w1, w2) in the shape of the weight
    [LINEAR]: { lokr_w1: [8, 8], lokr_w2_a: [80, 8], lokr_w2_b: [8, 320] },
    [KERNEL]: { lokr_w1: [8, 8], lokr_w2_a: [40, 8], lokr_w2_b: [8, 1080] },
  },
  "algo=lokr factor=8 use_tucker=True": {
    [KERNEL]: { lokr_w1: [8, 8], lokr_t2: [8, 8, 3, 3], lokr_w2_a: [8, 40], lokr_w2_b: [8, 120] },
  },
  "algo=glora": { // glora.py: rank is b1's second side
    [LINEAR]: {
      "a1.weight": [2560, 8],
      "a2.weight": [8, 2560],
      "b1.weight": [640, 8],
      "b2.weight": [8, 2560],
    },
  },
  "algo=diag-oft rescaled=True": { // oft.py: blocks (count, n, n)
    [LINEAR]: { oft_blocks: [80, 8, 8], rescale: [640, 1] },
    [KERNEL]: { oft_blocks: [40, 8, 8], rescale: [320, 1, 1, 1] },
  },
  "algo=boft": { [LINEAR]: { oft_blocks: [7, 64, 10, 10] } }, // boft.py: (stages, count, n, n)
  "algo=lora dora_wd=True": { // dora_scale (out, 1): base.py weight_decompose
    [LINEAR]: { "lora_up.weight": [640, 8], "lora_down.weight": [8, 2560], dora_scale: [640, 1] },
    [KERNEL]: {
      ...{ "lora_up.weight": [320, 8, 1, 1], "lora_down.weight": [8, 960, 3, 3], dora_scale: [320, 1, 1, 1] },
    },
  },
  "algo=ia3": { [LINEAR]: { weight: [640] }, [KERNEL]: { weight: [1, 320, 1, 1] } }, // network_ia3.py
  "algo=full train_norm=True": { // comfy/lora.py: diff, diff_b, w_norm, b_norm
    [LINEAR]: { diff: [640, 2560], diff_b: [640] },
    lora_unet_output_blocks_3_1_norm: { w_norm: [640], b_norm: [640] },
  },
};

Deno.test("keys and shapes for SDXL are those that ComfyUI and A1111 look for", () => {
  const model = family("sdxl"), shapes = sdxl(), named = networkNamed("lycoris.kohya");
  for (const [args, layers] of Object.entries(LOOKED_FOR)) {
    const flags = { dim: args === "algo=boft" ? 16 : 8, alpha: 1, dropout: null, args: args.split(" ") };
    const modules = named.modules(shapes, model, named.options(flags, model.sites.blocks, false), {});
    for (const [name, wanted] of Object.entries(layers)) {
      const found = modules.find((m) => m.name === name);
      ok(found, `${args}: ${name}`);
      deepStrictEqual(sorted(found.tensors), sorted(wanted), `${args}: ${name}`);
    }
    ok(
      initialWeights(modules.slice(0, 1), new TorchGenerator(0), (m) => new Float32Array(size(m.shape)))
        .size > 0,
    );
  }
});

function sorted(table: Readonly<Record<string, readonly number[]>>): [string, readonly number[]][] {
  return Object.entries(table).sort(([a], [b]) => a < b ? -1 : 1);
}

Deno.test("what belongs nowhere is named in one note", () =>
  inFolder((path) => {
    const modules = network("networks.lora", []), weights = weightsOf(modules);
    saveLora(path, modules, weights, "F16");
    using file = openSafetensors(path);
    const tensors = file.keys().map((name) => ({ name, ...file.info(name), data: file.bytes(name) }));
    const extra = ["lora_unet_down_blocks_9_x.diff_b", "strange.thing"].map((name) => ({
      ...{ name, dtype: "F32", shape: [1], data: new Uint8Array(4) },
    }));
    writeSafetensors(`${path}.more`, [...tensors, ...extra], {});
    using more = openSafetensors(`${path}.more`);
    const notes: string[] = [];
    loadLora(more, TINY.shapes, TINY.family, (line) => void notes.push(line));
    match(
      notes.join("\n"),
      /being no keys of a LoRA: strange\.thing\n.*for no layer of this SD1 model: lora_unet_down/,
    );
  }));
