import { deepStrictEqual, match, ok, rejects, strictEqual, throws } from "node:assert/strict";
import { join } from "node:path";
import { quietContext } from "../../src/base/job.ts";
import {
  openCheckpoint,
  openSafetensors,
  type SafetensorsFile,
  writeSafetensors,
} from "../../src/formats/mod.ts";
import { deltaOf } from "../networks/delta.ts";
import { keysOf, loadLora, networkNamed, saveLora, tensorShapes } from "../../src/networks/mod.ts";
import { withDefaults } from "../../src/options/mod.ts";
import { compatOptions } from "../../src/options/shared.ts";
import { convertLora } from "../../src/tools/network/any_kind/convert_lora.ts";
import { convertLoraOptions, mergeLoraOptions } from "../../src/tools/network/options.ts";
import { mergeLora } from "../../src/tools/network/merge_lora.ts";
import { resizeLora } from "../../src/tools/network/resize_lora.ts";
import { relL2 } from "../golden/compare.ts";
import { synthTensor, uniform } from "../golden/synth.ts";
import { listening, TINY, writeTinyLora, writeTinyModel } from "../training/tiny_run.ts";

/** A folder with a model and two LoRAs for all its layers, of ranks 2 and 3. */
function files(): { dir: string; at: (name: string) => string } {
  const dir = Deno.makeTempDirSync({ prefix: "easel-merge-" });
  const at = (name: string) => join(dir, `${name}.safetensors`);
  writeTinyModel(at("model"), { "modelspec.resolution": "128x128" });
  for (const [name, rank] of [["a", 2], ["b", 3]] as const) {
    writeTinyLora(at(name), name, rank, { ss_v2: "False", "modelspec.title": `title of ${name}` });
  }
  return { dir, at };
}

const CONFIG = withDefaults([mergeLoraOptions, compatOptions], {
  models: [],
  ratios: [],
  saveTo: "",
  device: "cpu",
  threads: 1,
});

/** alpha / rank * up down of every module, by name. */
function deltas(path: string): Map<string, Float32Array> {
  using file = openSafetensors(path);
  const { modules, weights } = loadLora(file, TINY.shapes, TINY.family);
  return new Map(modules.map((m) => {
    const { down, up } = keysOf(m);
    return [m.name, deltaOf(m, weights.get(down)!, weights.get(up)!)];
  }));
}

Deno.test("mergeLora() into a model adds every LoRA's weights and leaves the rest as it was", async () => {
  const { dir, at } = files();
  const models = [at("a"), at("b")];
  await mergeLora(
    { ...CONFIG, sdModel: at("model"), models, ratios: [0.5, -1], saveTo: at("out") },
    quietContext(),
  );
  using before = openSafetensors(at("model")), after = openSafetensors(at("out"));
  deepStrictEqual(after.keys().sort(), before.keys().sort());
  const [a, b] = models.map(deltas);
  const changed = new Map(
    [...a].map(([name, values]) => [name, values.map((v, i) => v / 2 - b.get(name)![i])]),
  );
  using file = openSafetensors(at("a"));
  const keys = new Map(
    loadLora(file, TINY.shapes, TINY.family).modules.map((m) => [`${m.path}.weight`, m.name]),
  );
  for (const key of before.keys()) {
    const old = synthTensor(key, before.info(key).shape), delta = changed.get(keys.get(key) ?? "");
    const wanted = delta ? old.map((v, i) => v + delta[i]) : old;
    ok(relL2(after.f32(key), wanted) < 1e-6, key);
  }
  strictEqual(keys.size, changed.size);
  strictEqual(after.metadata["modelspec.merged_from"], "model, title of a, title of b");
  strictEqual(after.metadata["modelspec.architecture"], "stable-diffusion-v1");
  strictEqual(after.metadata["modelspec.resolution"], "128x128", "the model's own");
  Deno.removeSync(dir, { recursive: true });
});

Deno.test("mergeLora() takes files whose keys do not tell for SD2 where they or --v2 say so", async () => {
  const { dir, at } = files();
  writeTinyLora(at("a2"), "a", 2, { ss_v2: "True" });
  const architecture = async (name: string, v2: boolean) => {
    await mergeLora({ ...CONFIG, models: [at(name)], ratios: [1], v2, saveTo: at("out") }, quietContext());
    using file = openSafetensors(at("out"));
    return file.metadata["modelspec.architecture"];
  };
  strictEqual(await architecture("a", false), "stable-diffusion-v1/lora");
  strictEqual(await architecture("a2", false), "stable-diffusion-v2-768-v/lora");
  strictEqual(await architecture("a", true), "stable-diffusion-v2-768-v/lora");
  Deno.removeSync(dir, { recursive: true });
});

Deno.test("mergeLora() of LoRAs is one that loads, with hashes and where it comes from", async () => {
  const { dir, at } = files();
  const models = [at("a"), at("b")], ratios = [0.5, -1];
  await mergeLora(
    { ...CONFIG, models, ratios, concat: true, shuffle: true, saveTo: at("out") },
    quietContext(),
  );
  const [a, b, both] = [...models, at("out")].map(deltas);
  for (const [name, values] of both) {
    ok(relL2(values, a.get(name)!.map((v, i) => v / 2 - b.get(name)![i])) < 1e-6, name);
  }
  using file: SafetensorsFile = openSafetensors(at("out"));
  strictEqual(file.metadata.ss_network_dim, "Dynamic");
  strictEqual(file.metadata["modelspec.merged_from"], "title of a, title of b");
  match(file.metadata.sshs_model_hash, /^[0-9a-f]{64}$/);
  await rejects(
    mergeLora({ ...CONFIG, models, ratios, saveTo: at("other") }, quietContext()),
    /use --concat$/,
  );
  throws(() => Deno.statSync(at("other")), Deno.errors.NotFound);
  Deno.removeSync(dir, { recursive: true });
});

Deno.test("mergeLora() names the alpha as sd-scripts does: a rank has no decimal point", async () => {
  const { dir, at } = files();
  {
    using a = openSafetensors(at("a"));
    const rest = a.keys().filter((key) => !key.endsWith(".alpha"));
    const tensors = rest.map((name) => {
      const { shape } = a.info(name), values = a.f32(name);
      return { name, dtype: "F32", shape, data: () => new Uint8Array(values.buffer) };
    });
    writeSafetensors(at("bare"), tensors, a.metadata);
  }
  for (const [name, wanted] of [["a", /^[\d.]+\.\d+$/], ["bare", /^2$/]] as const) {
    const models = [at(name), at(name)];
    await mergeLora({ ...CONFIG, models, ratios: [0.5, 0.5], saveTo: at("out") }, quietContext());
    using out = openSafetensors(at("out"));
    match(out.metadata.ss_network_alpha, wanted, name);
  }
  Deno.removeSync(dir, { recursive: true });
});

Deno.test("resizeLora() keeps every module, its scale and the metadata, in the precision that is asked for", async () => {
  const { dir, at } = files();
  await resizeLora({
    ...{
      model: at("b"),
      saveTo: at("out"),
      savePrecision: "fp16",
      saveLoraKeys: null,
      newRank: 1,
      newConvRank: 2,
      compat: null,
    },
    ...{ dynamicMethod: null, dynamicParam: null, verbose: false },
  }, quietContext());
  using before = openSafetensors(at("b")), after = openSafetensors(at("out"));
  deepStrictEqual(after.keys().sort(), before.keys().sort());
  ok(after.keys().every((key) => after.info(key).dtype === "F16"));
  strictEqual(after.metadata.ss_training_comment, "dimension is resized from 3 to 1 (conv: 2); ");
  strictEqual(after.metadata["modelspec.title"], "title of b");
  const lines = listening();
  await resizeLora({
    ...{
      model: at("b"),
      saveTo: at("same"),
      savePrecision: null,
      saveLoraKeys: null,
      newRank: 9,
      newConvRank: null,
      compat: null,
    },
    ...{ dynamicMethod: null, dynamicParam: null, verbose: false },
  }, lines);
  match(lines.lines.join("\n"), /its largest rank is 3; --new_rank 9 raises none/);
  using same = openSafetensors(at("same"));
  strictEqual(same.metadata.ss_network_dim, "3");
  const [whole, small] = [at("b"), at("out")].map(deltas);
  // random factors of rank 2 and 3: the first direction alone holds more than half of a norm
  for (const [name, values] of small) ok(relL2(values, whole.get(name)!) < 0.87, name);
  Deno.removeSync(dir, { recursive: true });
});

Deno.test("no tool reads a file with NaN, nor writes one that overflows", async () => {
  const { dir, at } = files();
  /** A copy in which one value of a tensor is NaN. */
  const spoilt = (name: string, key: string): string => {
    using file = openSafetensors(at(name));
    const tensors = file.keys().map((k) => ({ name: k, ...file.info(k), data: file.bytes(k), copied: true }));
    new DataView(tensors.find((t) => t.name === key)!.data.buffer).setFloat32(4, NaN, true);
    writeSafetensors(at(`bad ${name}`), tensors, {});
    return at(`bad ${name}`);
  };
  using lora = openSafetensors(at("a"));
  const key = lora.keys().find((k) => k.endsWith("lora_up.weight"))!;
  const bad = spoilt("a", key), model = spoilt("model", "first_stage_model.decoder.conv_in.bias");
  const merge = (more: Partial<typeof CONFIG>) =>
    mergeLora({ ...CONFIG, models: [at("a")], ratios: [1], saveTo: at("out"), ...more }, quietContext());
  const named = { message: new RegExp(`bad a\\.safetensors: ${RegExp.escape(key)} holds NaN at 1,`) };
  await rejects(merge({ models: [at("b"), bad], ratios: [1, 1], concat: true }), named);
  await rejects(merge({ models: [bad], sdModel: at("model") }), named);
  await rejects(
    merge({ sdModel: at("model"), saveTo: at("model") }),
    /model\.safetensors: is what --sd_model names/,
  );
  await rejects(merge({ sdModel: model }), /bad model\.safetensors: .*conv_in\.bias holds NaN at 1,/);
  await rejects(
    merge({ ratios: [1e30], savePrecision: "fp16" }),
    /out\.safetensors: not written, because .* as F16/,
  );
  const resize = {
    model: bad,
    saveTo: at("out"),
    savePrecision: null,
    saveLoraKeys: null,
    newRank: 1,
    newConvRank: null,
  };
  const rest = { dynamicMethod: null, dynamicParam: null, verbose: false, compat: null };
  await rejects(resizeLora({ ...resize, ...rest }, quietContext()), named);
  ok(![...Deno.readDirSync(dir)].some(({ name }) => name.startsWith("out")));
  Deno.removeSync(dir, { recursive: true });
});

/** lycoris.kohya's modules for a few layers, with weights of their own. */
function writeLycoris(path: string, args: string): void {
  const named = networkNamed("lycoris.kohya");
  const flags = { dim: 4, alpha: 2, dropout: null, args: args.split(" ") };
  const options = named.options(flags, TINY.family.sites.blocks, false);
  const modules = named.modules(TINY.shapes, TINY.family, options, {}).filter((m) =>
    /layers_0_mlp_fc1|down_blocks_0_resnets_0_(conv1|norm1)/.test(m.name)
  );
  const size = (shape: readonly number[]) => shape.reduce((a, d) => a * d, 1);
  saveLora(
    path,
    modules,
    new Map([...tensorShapes(modules)].map(([key, shape]) => [key, uniform(key, size(shape), 0.3)])),
    "F32",
  );
}

Deno.test("mergeLora() adds networks of any kind into a model, biases and norms too, and writes a .ckpt", async () => {
  const { dir, at } = files(), ckpt = join(dir, "out.ckpt");
  const merge = (name: string, saveTo: string) =>
    mergeLora({ ...CONFIG, sdModel: at("model"), models: [at(name)], ratios: [0.5], saveTo }, quietContext());
  const changes = (path: string) => {
    using before = openSafetensors(at("model")), after = openCheckpoint(path);
    return new Map(
      before.keys().map((key) => {
        const old = before.f32(key);
        return [key, after.f32(key).map((v, i) => v - old[i])] as const;
      }).filter(([, values]) => values.some((v) => v !== 0)),
    );
  };
  writeLycoris(at("full"), "algo=full train_norm=True");
  await merge("full", ckpt);
  using full = openSafetensors(at("full"));
  const { modules } = loadLora(full, TINY.shapes, TINY.family), found = changes(ckpt);
  const wanted = modules.flatMap(({ path, name }) =>
    [["weight", "diff"], ["weight", "w_norm"], ["bias", "diff_b"], ["bias", "b_norm"]]
      .filter(([, suffix]) => full.has(`${name}.${suffix}`))
      .map(([what, suffix]) => [`${path}.${what}`, full.f32(`${name}.${suffix}`).map((v) => v / 2)] as const)
  );
  deepStrictEqual([...found.keys()].sort(), wanted.map(([key]) => key).sort());
  for (const [key, values] of wanted) ok(relL2(found.get(key)!, values) < 1e-5, key);
  // the same twice over: a LoHa, and the LoRA that convert_lora makes of it
  writeLycoris(at("loha"), "algo=loha");
  await convertLora(
    withDefaults([convertLoraOptions], {
      to: "lora",
      sdModel: at("model"),
      dim: 1000,
      device: "cpu",
      threads: 1,
    }),
    ...[at("loha"), at("plain"), quietContext()] as const,
  );
  await merge("loha", at("one"));
  await merge("plain", at("other"));
  const [one, other] = ["one", "other"].map((name) => changes(at(name)));
  deepStrictEqual([...one.keys()], [...other.keys()]);
  for (const [key, values] of one) ok(relL2(other.get(key)!, values) < 1e-4, key);
  Deno.removeSync(dir, { recursive: true });
});
