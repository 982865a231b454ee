import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import { join } from "node:path";
import { quietContext } from "../../src/base/job.ts";
import { openSafetensors } from "../../src/formats/mod.ts";
import { fileModules, lowRank, rowsFor } from "../../src/networks/mod.ts";
import { withDefaults } from "../../src/options/mod.ts";
import { compatOptions } from "../../src/options/shared.ts";
import { TorchGenerator } from "../../src/random/mod.ts";
import { weightSizes } from "../../src/tools/network/check_lora_weights.ts";
import { differenceOf, extractLora } from "../../src/tools/network/extract_lora.ts";
import {
  type ExtractLoraConfig,
  mergeLoraOptions,
  svdMergeLoraOptions,
} from "../../src/tools/network/options.ts";
import { mergeLora } from "../../src/tools/network/merge_lora.ts";
import { openDevice } from "../../src/runtime/mod.ts";
import { Products } from "../../src/tools/network/products.ts";
import { splitDylora } from "../../src/tools/network/split_dylora.ts";
import { svdMergeLora } from "../../src/tools/network/svd_merge_lora.ts";
import { relL2 } from "../golden/compare.ts";
import { deltaOf } from "../golden/topics/tools/lora_files.ts";
import { listening, writeTinyLora, writeTinyModel } from "../training/tiny_run.ts";

const EXTRACT: Omit<ExtractLoraConfig, "saveTo" | "modelOrg" | "modelTuned"> = {
  ...{
    dim: 3,
    convDim: 3,
    loadPrecision: null,
    savePrecision: null,
    saveLoraKeys: null,
    clampQuantile: null,
    minDiff: 1e-6,
  },
  ...{ noMetadata: false, v2: false, sdxl: false, vParameterization: false, compat: null },
  ...{ device: "cpu", threads: 1 },
};

/** A model, two LoRAs for all its layers of ranks 2 and 3, and the model with the second merged into it. */
async function files(): Promise<{ dir: string; at: (name: string) => string }> {
  const dir = Deno.makeTempDirSync({ prefix: "easel-extract-" });
  const at = (name: string) => join(dir, `${name}.safetensors`);
  writeTinyModel(at("model"));
  writeTinyLora(at("a"), "a", 2, { ss_v2: "False" });
  writeTinyLora(at("b"), "b", 3, { ss_v2: "False" });
  const merge = {
    sdModel: at("model"),
    models: [at("b")],
    ratios: [1],
    saveTo: at("tuned"),
    noMetadata: true,
  };
  await mergeLora(withDefaults([mergeLoraOptions, compatOptions], merge), quietContext());
  return { dir, at };
}

function deltas(path: string): Map<string, Float32Array> {
  using file = openSafetensors(path);
  return new Map(fileModules(file, null).map((m) => [m.name, deltaOf(m)]));
}

Deno.test("extractLora() finds the LoRA that was merged into a model again", async () => {
  const { dir, at } = await files();
  const models = { modelOrg: at("model"), modelTuned: at("tuned") };
  await extractLora({ ...EXTRACT, ...models, saveTo: at("out") }, quietContext());
  const [found, put] = [deltas(at("out")), deltas(at("b"))];
  deepStrictEqual([...found.keys()].sort(), [...put.keys()].sort());
  // the model's own float32 weights round the sum
  for (const [name, delta] of put) ok(relL2(found.get(name)!, delta) < 1e-5, name);
  using file = openSafetensors(at("out"));
  strictEqual(file.metadata.ss_network_args, '{"conv_dim": "3", "conv_alpha": "3.0"}');
  strictEqual(file.metadata["modelspec.title"], "out");
  strictEqual(file.metadata["modelspec.sai_model_spec"], "1.0.1");
  await extractLora({ ...EXTRACT, ...models, saveTo: at("as"), compat: "0.9.1" }, quietContext());
  using as = openSafetensors(at("as"));
  strictEqual(as.metadata["modelspec.sai_model_spec"], "1.0.0");
  Deno.removeSync(dir, { recursive: true });
});

Deno.test("extractLora() leaves text encoders out that do not differ, and refuses models that are the same", async () => {
  const { dir, at } = await files();
  const heard = listening();
  const models = { modelOrg: at("model"), modelTuned: at("tuned") };
  await extractLora({ ...EXTRACT, ...models, minDiff: 1e6, saveTo: at("out") }, heard);
  ok([...deltas(at("out")).keys()].every((name) => name.startsWith("lora_unet_")));
  ok(heard.lines.some((line) => line.includes("only the U-Net is extracted")));
  await rejects(
    extractLora({ ...EXTRACT, ...models, modelTuned: at("model"), saveTo: at("none") }, quietContext()),
    /model\.safetensors: has the weights of .*model\.safetensors; there is nothing to extract/,
  );
  await rejects(Deno.stat(at("none")), Deno.errors.NotFound);
  Deno.removeSync(dir, { recursive: true });
});

Deno.test("svdMergeLora() is the weighted sum where its rank is that of the sum, block by block", async () => {
  const { dir, at } = await files();
  const lbws = ["[0.5,1,1,1,1,1,1,0,1,1,1,1,1,1,1,1,1]", "[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]"];
  await svdMergeLora({
    ...withDefaults([compatOptions, svdMergeLoraOptions], {
      ...{ models: [at("a"), at("b")], ratios: [0.5, -1], lbws, newRank: 5, saveTo: at("out") },
    }),
  }, quietContext());
  const [a, b, sum] = ["a", "b", "out"].map((name) => deltas(at(name)));
  for (const [name, values] of sum) {
    const weight = name.startsWith("lora_te") ? 0.5 : name.includes("mid_block") ? 0 : 1;
    ok(relL2(values, a.get(name)!.map((v, i) => weight * v / 2 - b.get(name)![i])) < 1e-5, name);
  }
  Deno.removeSync(dir, { recursive: true });
});

Deno.test("splitDylora() writes each rank below the file's, in its dtype", async () => {
  const { dir, at } = await files();
  await splitDylora({ saveLoraKeys: null, model: at("b"), saveTo: at("split"), unit: 1 }, quietContext());
  using whole = openSafetensors(at("b")), cut = openSafetensors(at("split-0002"));
  const wide = fileModules(whole, null), narrow = fileModules(cut, null);
  narrow.forEach((module, i) => {
    const { down, up, upShape, rank, alpha } = wide[i];
    strictEqual(module.rank, 2);
    strictEqual(module.alpha, alpha);
    deepStrictEqual(module.down(), down().subarray(0, down().length / rank * 2));
    deepStrictEqual(module.up(), up().filter((_, at) => at % rank < 2), `${upShape}`);
  });
  strictEqual(cut.metadata.ss_network_dim, "2");
  Deno.mkdirSync(join(dir, "no.ending"));
  const bare = join(dir, "no.ending", "split");
  await splitDylora({ saveLoraKeys: null, model: at("b"), saveTo: bare, unit: 1 }, quietContext());
  deepStrictEqual([...Deno.readDirSync(join(dir, "no.ending"))].map((entry) => entry.name).sort(), [
    "split-0001",
    "split-0002",
  ]);
  await rejects(
    splitDylora({ saveLoraKeys: null, model: at("b"), saveTo: at("more"), unit: 3 }, quietContext()),
    /its largest rank is 3; give a --unit below that/,
  );
  const sizes = [...weightSizes(at("b"), false)];
  strictEqual(sizes.length, 2 * wide.length);
  const first = wide[0].down();
  const { key, mean, least } = sizes.find(({ key }) => key === wide[0].keys.down)!;
  strictEqual(mean, Math.fround(first.reduce((s, v) => s + Math.abs(v), 0) / first.length), key);
  strictEqual(least, first.reduce((s, v) => Math.min(s, Math.abs(v)), Infinity));
  Deno.removeSync(dir, { recursive: true });
});

Deno.test("lowRank() finds the leading values of a matrix whose values fall slowly", async () => {
  const random = new TorchGenerator(1), out = 90, width = 70, rank = 8;
  const values = random.randn(out * width);
  const times = (rows: Float32Array, n: number, m: number, at: (r: number, c: number) => number) => {
    const k = rows.length / n;
    return Float32Array.from({ length: k * m }, (_, i) => {
      const row = Math.floor(i / m), column = i % m;
      let sum = 0;
      for (let j = 0; j < n; j++) sum += rows[row * n + j] * at(column, j);
      return sum;
    });
  };
  const found = await lowRank({
    ...{ out, width },
    times: (rows) => Promise.resolve(times(rows, width, out, (o, i) => values[o * width + i])),
    transposedTimes: (rows) => Promise.resolve(times(rows, out, width, (i, o) => values[o * width + i])),
    gram: (rows, n) => Promise.resolve(times(rows, n, rows.length / n, (r, j) => rows[r * n + j])),
    mixed: (weights, rows, n) =>
      Promise.resolve(times(weights, rows.length / n, n, (column, j) => rows[j * n + column])),
  }, rank);
  // what is left is orthogonal to what was found: A^T u = s v
  for (let k = 0; k < rank; k++) {
    const u = found.left[k], v = found.right[k];
    const back = Float64Array.from({ length: width }, (_, i) => {
      let sum = 0;
      for (let o = 0; o < out; o++) sum += u[o] * values[o * width + i];
      return sum - found.values[k] * v[i];
    });
    ok(Math.hypot(...back) < 2e-2 * found.values[k], `${k}: ${Math.hypot(...back)}`);
    ok(k === 0 || found.values[k] <= found.values[k - 1]);
  }
});

Deno.test("a layer's difference is made in what was read, whatever its place in the file", () => {
  const read: Float32Array[] = [];
  const model = (value: number, key: string, shape: number[]) => {
    const file = {
      f32: () => read[read.push(new Float32Array(shape[0] * shape[1]).map((_, i) => value * i)) - 1],
    };
    return { places: new Map([[key, { file, key, shape }]]), shapes: new Map([[key, shape]]) };
  };
  const made = (path: string, key: string, shape: number[]) => {
    read.length = 0;
    const [original, tuned] = [model(1, key, shape), model(3, key, shape)] as unknown as Parameters<
      typeof differenceOf
    >[1][];
    return differenceOf({ path }, original, tuned, (values) => values);
  };
  const whole = made("layer", "layer.weight", [2, 3]);
  deepStrictEqual([...whole], [0, 2, 4, 6, 8, 10]);
  ok(read.length === 2 && read.includes(whole), "no third of its size");
  const part = made("block.attn.k_proj", "block.attn.in_proj_weight", [3, 2]);
  deepStrictEqual([...part], [4, 6]);
  strictEqual(part.buffer.byteLength, 8, "the others' rows are let go");
});

Deno.test("singular values take the matrix and a few rows of it, whatever came before", async () => {
  const device = openDevice("cpu", { threads: 1 }), products = new Products(device);
  for (const [out, width] of [[1024, 1024], [1024, 1000], [1000, 1024], [1024, 1024]]) {
    const rows = rowsFor(1, out, width),
      values = Float32Array.from({ length: out * width }, (_, i) => Math.sin(i));
    await lowRank(await products.matrix(values, out, width, rows), 1);
    const laidOut = 1 << 20; // what a thread copies of a product's operands at a time
    const most = 4 * out * width + 4 * 4 * rows * (rows + out + width) + laidOut;
    ok(device.allocatedBytes < most, `${device.allocatedBytes} for ${out} x ${width}`);
  }
  products.close();
  device.close();
});
