/** What is wrong with a network's file is said in one line with the module and a remedy, and no tool leaves a file. */

import { match, ok, rejects, strictEqual } from "node:assert/strict";
import { join } from "node:path";
import { UserError } from "../../src/base/errors.ts";
import { quietContext } from "../../src/base/job.ts";
import { writeSafetensors } from "../../src/formats/mod.ts";
import { KINDS } from "../../src/networks/kinds/mod.ts";
import { networkNamed, tensorShapes } from "../../src/networks/mod.ts";
import { withDefaults } from "../../src/options/mod.ts";
import { compatOptions } from "../../src/options/shared.ts";
import { convertLora } from "../../src/tools/network/any_kind/convert_lora.ts";
import { mergeLora } from "../../src/tools/network/merge_lora.ts";
import { extractLora } from "../../src/tools/network/extract_lora.ts";
import {
  convertLoraOptions,
  extractLoraOptions,
  mergeLoraOptions,
  resizeLoraOptions,
  svdMergeLoraOptions,
} from "../../src/tools/network/options.ts";
import { resizeLora } from "../../src/tools/network/resize_lora.ts";
import { svdMergeLora } from "../../src/tools/network/svd_merge_lora.ts";
import { TINY, writeTinyLora, writeTinyModel } from "../training/tiny_run.ts";

const Q = "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn1_to_q";
const K2 = Q.replace("attn1_to_q", "attn2_to_k");

interface Tensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype?: string;
  readonly data?: Uint8Array;
}

const values = (shape: readonly number[], value = 0.25) =>
  new Uint8Array(new Float32Array(shape.reduce((a, d) => a * d, 1)).fill(value).buffer);

const pair = (name: string, rank = 2, inputs = 64): Tensor[] => [
  { name: `${name}.lora_down.weight`, shape: [rank, inputs] },
  { name: `${name}.lora_up.weight`, shape: [64, rank] },
];

/** A file as bytes, whatever its header says. */
function raw(header: unknown, data: Uint8Array, length?: bigint): Uint8Array {
  const text = new TextEncoder().encode(JSON.stringify(header)),
    out = new Uint8Array(8 + text.length + data.length);
  new DataView(out.buffer).setBigUint64(0, length ?? BigInt(text.length), true);
  out.set(text, 8);
  out.set(data, 8 + text.length);
  return out;
}

const FAULTS: Readonly<Record<string, readonly [content: readonly Tensor[] | Uint8Array, message: RegExp]>> =
  {
    "another family": [
      pair(K2, 2, 1024),
      /attn2_to_k\.lora_down\.weight is \[2, 1024\], this SD1 model takes \[2, 64\]; use an SD2 model/,
    ],
    "another shape": [
      [{ name: `${Q}.lora_down.weight`, shape: [2, 48] }, { name: `${Q}.lora_up.weight`, shape: [64, 2] }],
      /attn1_to_q\.lora_down\.weight is \[2, 48\], this SD1 model takes \[2, 64\]; use a model of the kind/,
    ],
    "half a module": [
      pair(Q).slice(1),
      /attn1_to_q has no lora_down\.weight; the file is incomplete, save or copy it again/,
    ],
    "alpha as text": [
      [...pair(Q), { name: `${Q}.alpha`, shape: [3], dtype: "U8", data: new TextEncoder().encode("1.0") }],
      /attn1_to_q\.alpha is a list of 3, a finite number is wanted/,
    ],
    "alpha not a number": [
      [...pair(Q), { name: `${Q}.alpha`, shape: [], data: values([], NaN) }],
      /attn1_to_q\.alpha holds NaN at 0, finite numbers are wanted/,
    ],
    "weights not numbers": [
      [{ ...pair(Q)[0], data: values([2, 64], NaN) }, pair(Q)[1]],
      /attn1_to_q\.lora_down\.weight holds NaN at 0/,
    ],
    "rank 0": [
      pair(Q, 0),
      /attn1_to_q\.lora_down\.weight is \[0, 64\] and holds nothing; the file is damaged, get it again/,
    ],
    "a header over the limit": [
      raw({}, new Uint8Array(), 1n << 40n),
      /a header would have 1099511627776 bytes\); get the file again/,
    ],
    "a header longer than the file": [
      raw({}, new Uint8Array(), 4096n),
      /says its header has 4096 bytes, .*copy it again/,
    ],
    "metadata that is no text": [
      raw(
        { __metadata__: { ss_network_dim: 4 }, x: { dtype: "F32", shape: [1], data_offsets: [0, 4] } },
        new Uint8Array(4),
      ),
      /metadata.*ss_network_dim/,
    ],
  };

Deno.test("a file's fault is one line with module and remedy, and no tool leaves anything", async () => {
  const dir = Deno.makeTempDirSync({ prefix: "easel-bad-" }),
    at = (name: string) => join(dir, `${name}.safetensors`);
  writeTinyModel(at("model"));
  const cpu = { device: "cpu", threads: 1 }, to = { saveTo: at("out") };
  for (const [name, [content, message]] of Object.entries(FAULTS)) {
    const path = at(name);
    if (content instanceof Uint8Array) Deno.writeFileSync(path, content);
    else {
      writeSafetensors(
        path,
        content.map((t) => ({ dtype: "F32", data: values(t.shape), copied: true, ...t })),
        {},
      );
    }
    const merge = withDefaults([mergeLoraOptions, compatOptions], {
      ...cpu,
      ...to,
      models: [path],
      ratios: [1],
    });
    const tools: [string, () => Promise<void>][] = [
      ["merge_lora into a model", () => mergeLora({ ...merge, sdModel: at("model") }, quietContext())],
      ["convert_lora", () => {
        const config = withDefaults([convertLoraOptions], { ...cpu, to: "comfy", sdModel: at("model") });
        return convertLora(config, path, at("out"), quietContext());
      }],
    ];
    // without a model only what the file alone says is seen
    if (!name.startsWith("another")) {
      tools.push(["merge_lora", () => mergeLora({ ...merge, concat: true }, quietContext())]);
      const resize = withDefaults([resizeLoraOptions, compatOptions], { ...to, model: path, newRank: 1 });
      tools.push(["resize_lora", () => resizeLora(resize, quietContext())]);
    }
    for (const [tool, run] of tools) {
      await rejects(run, (error) => {
        ok(error instanceof UserError, `${tool}, ${name}: ${error}`);
        match(error.message, message, `${tool}, ${name}`);
        strictEqual(error.message.split("\n").length, 1);
        ok(error.message.includes(`${name}.safetensors`), error.message);
        return true;
      });
    }
    ok(![...Deno.readDirSync(dir)].some((entry) => /out/.test(entry.name)), name);
  }
  Deno.removeSync(dir, { recursive: true });
});

Deno.test("LoRAs that read texts of two widths are not merged, also where no width is that of a known family", async () => {
  const dir = Deno.makeTempDirSync({ prefix: "easel-widths-" }),
    at = (name: string) => join(dir, `${name}.safetensors`);
  const write = (name: string, tensors: readonly Tensor[]) =>
    writeSafetensors(
      at(name),
      tensors.map((t) => ({ dtype: "F32", data: values(t.shape), copied: true, ...t })),
      {},
    );
  // of no layer in common, so that no shapes stand against each other
  write("one", pair(K2, 2, 64));
  write("two", pair(K2.replace("down_blocks_1", "up_blocks_0"), 2, 96));
  write("text", pair("lora_te_text_model_encoder_layers_0_self_attn_q_proj"));
  const files = (names: readonly string[]) => ({
    models: names.map(at),
    ratios: names.map(() => 1),
    saveTo: at("out"),
  });
  const merge = (...names: string[]) =>
    mergeLora(
      withDefaults([mergeLoraOptions, compatOptions], { ...files(names), device: "cpu", threads: 1 }),
      quietContext(),
    );
  const svdMerge = (...names: string[]) =>
    svdMergeLora(withDefaults([svdMergeLoraOptions, compatOptions], files(names)), quietContext());
  for (const run of [merge, svdMerge]) {
    await rejects(
      run("text", "one", "two"),
      /two\.safetensors: is for a text 96 wide, .*one\.safetensors for one of 64;/,
    );
    ok(![...Deno.readDirSync(dir)].some(({ name }) => name.startsWith("out")));
  }
  await merge("text", "one");
  ok(Deno.statSync(at("out")).size > 0);
  Deno.removeSync(dir, { recursive: true });
});

Deno.test("no tool replaces what it reads, by a link neither", async () => {
  const dir = Deno.makeTempDirSync({ prefix: "easel-kept-" }), at = (name: string) => join(dir, name);
  const net = at("net.safetensors"), model = at("model.safetensors"), cpu = { device: "cpu", threads: 1 };
  writeTinyModel(model);
  writeTinyLora(net, "net", 2);
  Deno.linkSync(net, at("link.safetensors"));
  Deno.linkSync(model, at("model-link.safetensors"));
  const saveTo = at("link.safetensors"), saveModel = at("model-link.safetensors");
  const merge = { ...cpu, models: [net], ratios: [1] };
  const runs: readonly [flag: string, run: () => Promise<void>][] = [
    [
      "models",
      () => mergeLora(withDefaults([mergeLoraOptions, compatOptions], { ...merge, saveTo }), quietContext()),
    ],
    [
      "sd_model",
      () =>
        mergeLora(
          withDefaults([mergeLoraOptions, compatOptions], { ...merge, sdModel: model, saveTo: saveModel }),
          quietContext(),
        ),
    ],
    [
      "models",
      () =>
        svdMergeLora(
          withDefaults([svdMergeLoraOptions, compatOptions], { ...merge, saveTo }),
          quietContext(),
        ),
    ],
    [
      "model",
      () =>
        resizeLora(
          withDefaults([resizeLoraOptions, compatOptions], { ...cpu, model: net, saveTo, newRank: 1 }),
          quietContext(),
        ),
    ],
    [
      "model_tuned",
      () =>
        extractLora(
          withDefaults([extractLoraOptions, compatOptions], {
            ...cpu,
            modelOrg: "builtin:tiny",
            modelTuned: model,
            saveTo: saveModel,
          }),
          quietContext(),
        ),
    ],
  ];
  for (const [flag, run] of runs) {
    await rejects(run, new RegExp(`link\\.safetensors: is what --${flag} names and would be replaced`));
  }
  Deno.removeSync(dir, { recursive: true });
});

Deno.test("a module of any kind that lacks one of its tensors is named", async () => {
  const dir = Deno.makeTempDirSync({ prefix: "easel-half-" }),
    at = (name: string) => join(dir, `${name}.safetensors`);
  writeTinyModel(at("model"));
  const named = networkNamed("lycoris.kohya"), seen = new Set<string>();
  for (const args of ["algo=loha", "algo=lokr factor=4", "algo=glora", "algo=lora dora_wd=True"]) {
    const flags = { dim: 2, alpha: 1, dropout: null, args: args.split(" ") };
    const options = named.options(flags, TINY.family.sites.blocks, false);
    const module = named.modules(TINY.shapes, TINY.family, options, {}).find(({ name }) =>
      name.endsWith("attn1_to_q")
    )!;
    seen.add(module.kind.name);
    const all = [...tensorShapes([module])].map(([name, shape]) => ({
      name,
      dtype: "F32",
      shape,
      data: values(shape),
    }));
    for (const left of all) {
      const rest = all.filter((tensor) => tensor !== left);
      // without dora_scale, or without what only some modules have, it is another kind and whole
      if (/dora_scale$/.test(left.name)) continue;
      writeSafetensors(at("half"), rest, {});
      const config = withDefaults([convertLoraOptions], {
        to: "comfy",
        sdModel: at("model"),
        device: "cpu",
        threads: 1,
      });
      await rejects(
        convertLora(config, at("half"), at("out"), quietContext()),
        new RegExp(`half\\.safetensors: ${module.name} has no [\\w.]+; the file is incomplete`),
        `${args} without ${left.name}`,
      );
    }
  }
  ok(seen.size >= 4 && KINDS.length > seen.size);
  Deno.removeSync(dir, { recursive: true });
});
