/** resize_lora and merge_lora: what the job makes of files with the cases' tensors, compared by alpha / rank * up down. */

import { join } from "node:path";
import { quietContext } from "../../../../src/base/job.ts";
import { openSafetensors, type TensorFile, writeSafetensors } from "../../../../src/formats/mod.ts";
import { type FileModule, fileModules, loadLora } from "../../../../src/networks/mod.ts";
import { openDevice } from "../../../../src/runtime/mod.ts";
import { Changes } from "../../../../src/tools/network/any_kind/changes.ts";
import { mergedWeight, sharesByKey } from "../../../../src/tools/network/merge_into_model.ts";
import { mergeLora } from "../../../../src/tools/network/merge_lora.ts";
import { svdMergeLora } from "../../../../src/tools/network/svd_merge_lora.ts";
import { resizeLora } from "../../../../src/tools/network/resize_lora.ts";
import type { Check, GoldenCase } from "../../case.ts";
import { close, exact } from "../../compare.ts";
import { synthTensor } from "../../synth.ts";
import { caseModel } from "../../synth_models.ts";

/** A LoRA as a case describes it. */
interface Described {
  readonly tag: string;
  readonly dim: number;
  readonly alpha: number;
  readonly modules: Record<string, [number[], number]>;
}

// deno-lint-ignore no-explicit-any -- free-form by nature
type Json = any;

export async function resized(c: GoldenCase): Promise<Check[]> {
  const { json } = c;
  const decay = Number(/float32\(([\d.]+)\*\*r\)/.exec(json.extra_rule ?? "")?.[1] ?? 1);
  return await inFolder(async (at) => {
    writeLora(at("lora"), json.lora, {}, decay);
    const lines: string[] = [];
    await resizeLora({
      ...{ model: at("lora"), saveTo: at("out"), savePrecision: null, saveLoraKeys: null, compat: "0.9.1" },
      ...{ newRank: json.new_rank, newConvRank: json.new_conv_rank, verbose: true },
      ...{ dynamicMethod: json.dynamic_method, dynamicParam: json.dynamic_param },
    }, { ...quietContext(), log: (line) => void lines.push(line) });
    using out = openSafetensors(at("out"));
    // shares of the singular values: "sum(S) retained: 85.1%, fro retained: 98.8%, max(S) ratio: 4.2"
    const numbers = (told: string[]) =>
      told.filter((line) => line.includes("sum(S)")).sort().map((line) =>
        /sum.*/.exec(line)![0].match(/[\d.]+/g)!.slice(0, 3)
      );
    const names = Object.keys(json.result);
    return [
      ...compareFile(c, out),
      ...(json.verbose_output ? [exact("told", numbers(lines), numbers(json.verbose_output))] : []),
      exact(
        "rank in metadata",
        out.metadata.ss_network_dim,
        json.dynamic_method ? "Dynamic" : `${json.new_rank}`,
      ),
      exact("modules", fileModules(out, null).map(({ name }) => name).sort(), names.sort()),
    ];
  });
}

export async function merged(c: GoldenCase): Promise<Check[]> {
  const { json } = c;
  return await inFolder(async (at) => {
    const models = writeAll(json, at);
    await mergeLora({
      ...{ sdModel: null, saveTo: at("out"), models, ratios: json.ratios, compat: "0.9.1" },
      ...{
        precision: "float",
        device: "cpu",
        threads: 1,
        savePrecision: null,
        saveLoraKeys: null,
        noMetadata: true,
        v2: false,
        lbws: null,
      },
      ...{ concat: json.options?.concat ?? false, shuffle: json.options?.shuffle ?? false },
    }, quietContext());
    using out = openSafetensors(at("out"));
    const { sshs_model_hash: _, sshs_legacy_hash: __, ...metadata } = out.metadata;
    return [...compareFile(c, out), exact("metadata", metadata, json.metadata)];
  });
}

/**
 * Without the clamp that follows the signs of singular vectors, and with it: `delta_norm` and `clamped.*` are what the
 * reference wrote.
 */
export async function svdMerged(c: GoldenCase): Promise<Check[]> {
  const { json } = c, { rel_l2: limit, clamped_rel_l2: clampedLimit } = json.tolerance;
  return await inFolder(async (at) => {
    const models = writeAll(json, at);
    const run = async (name: string, compat: "0.9.1" | null) => {
      await svdMergeLora({
        ...{ saveTo: at(name), models, ratios: json.ratios, compat },
        ...{ lbws: json.lbws.length ? json.lbws : null },
        ...{ newRank: json.new_rank, newConvRank: json.new_conv_rank },
        ...{
          precision: "float",
          device: "cpu",
          threads: 1,
          savePrecision: null,
          saveLoraKeys: null,
          noMetadata: true,
        },
      }, quietContext());
      using out = openSafetensors(at(name));
      const modules = fileModules(out, null).map((m): [string, FileModule] => {
        const down = m.down(), up = m.up();
        return [m.name, { ...m, down: () => down, up: () => up }];
      });
      return { modules: new Map(modules), metadata: { ...out.metadata } };
    };
    const exactly = await run("exact", null), clamped = await run("clamped", "0.9.1"), tensors = c.tensors();
    const noHashes = ({ sshs_model_hash: _, sshs_legacy_hash: __, ...rest }: Record<string, string>) => rest;
    return [
      exact("metadata", noHashes(exactly.metadata), noHashes(json.metadata)),
      ...Object.entries<Json>(json.result).flatMap(([name, { dim, alpha, delta_norm }]) => {
        const module = exactly.modules.get(name), cut = clamped.modules.get(name);
        if (!module || !cut) return [exact(name, "missing", "there")];
        const shape = [module.upShape[0], ...module.downShape.slice(1)];
        // a rank without a singular value has any unit vector there, and the quantile is of all values
        const full = module.up().some((v, i) => i % dim === dim - 1 && v !== 0);
        return [
          exact(`${name} rank`, [module.rank, module.alpha], [dim, alpha]),
          compareTensor(tensors, `delta.${name}`, deltaOf(module), shape, limit),
          ...(full
            ? [close(`${name} clamped norm`, [normOf(deltaOf(cut))], [delta_norm], clampedLimit)]
            : []),
        ];
      }),
    ];
  });
}

/** The changes of a model's weights; cases spell keys as te. and unet. with diffusers' names. */
export async function mergedIntoModel(c: GoldenCase): Promise<Check[]> {
  const { json } = c, tensors = c.tensors();
  return await inFolder(async (at) => {
    const model = caseModel({ model: /\b(sd\w+-tiny)\b/.exec(json.what)![1] });
    const loras = writeAll(json, at).map((path) => {
      using file = openSafetensors(path);
      return loadLora(file, model.shapes, model.family);
    });
    const shares = sharesByKey(loras, json.ratios.map((ratio: number) => () => ratio), model.shapes);
    const device = openDevice("cpu"), computed = new Changes(device);
    const changes = new Map<string, { shape: readonly number[]; values: Float32Array }>();
    for (const [key, list] of shares) {
      const before = synthTensor(key, model.shapes.get(key)!);
      const after = await mergedWeight(before.slice(), list, (values) => values, computed);
      changes.set(list[0].module.name, {
        shape: model.shapes.get(key)!,
        values: after.map((v, i) => v - before[i]),
      });
    }
    computed.close();
    device.close();
    const nameOf = (parameter: string) =>
      parameter.replace(/^te\./, "lora_te.").replace(/^unet\./, "lora_unet.").replace(/\.weight$/, "")
        .replaceAll(".", "_");
    const parameters: string[] = json.changed_parameters;
    const checks = [exact("changed", [...changes.keys()].sort(), parameters.map(nameOf).sort())];
    for (const parameter of parameters) {
      const { shape, values } = changes.get(nameOf(parameter)) ?? { shape: [0], values: new Float32Array() };
      checks.push(compareTensor(tensors, `weight_change.${parameter}`, values, shape, json.tolerance?.rel));
    }
    return checks;
  });
}

function compareFile(c: GoldenCase, out: TensorFile): Check[] {
  const { json } = c, tensors = c.tensors(), limit = json.tolerance?.rel ?? json.tolerance?.rel_l2;
  const found = new Map(fileModules(out, null).map((module) => [module.name, module]));
  return Object.entries<Json>(json.result).flatMap(([name, { dim, alpha, delta_norm }]) => {
    const module = found.get(name);
    if (!module) return [exact(name, "missing", "there")];
    const { downShape: [, ...inputs], upShape: [out] } = module;
    const delta = deltaOf(module);
    const checks = [
      exact(`${name} rank`, module.rank, dim),
      close(`${name} alpha`, [module.alpha], [alpha], limit),
      close(`${name} norm`, [normOf(delta)], [delta_norm], limit),
      compareTensor(tensors, `delta.${name}`, delta, [out, ...inputs], limit),
    ];
    for (const [key, values] of [["lora_down", module.down], ["lora_up", module.up]] as const) {
      const stored = `${name}.${key}.weight`;
      if (tensors.has(stored)) checks.push(close(stored, values(), tensors.f32(stored), limit));
    }
    return checks;
  });
}

/** NAME, or NAME.slice: the first 16 rows and 64 columns of the value as a matrix. */
export function compareTensor(
  tensors: TensorFile,
  name: string,
  values: Float32Array,
  shape: readonly number[],
  limit?: number,
): Check {
  if (tensors.has(name)) return close(name, values, tensors.f32(name), limit);
  const width = shape.slice(1).reduce((n, d) => n * d, 1), columns = Math.min(64, width);
  const rows = Math.min(16, shape[0]);
  const cut = Float32Array.from({ length: rows * columns }, (_, i) => {
    return values[Math.floor(i / columns) * width + i % columns];
  });
  return close(name, cut, tensors.f32(`${name}.slice`), limit);
}

export function normOf(values: Float32Array): number {
  return Math.sqrt(values.reduce((sum, v) => sum + v * v, 0));
}

export function deltaOf(module: FileModule): Float32Array {
  const { rank, alpha } = module, down = module.down(), up = module.up();
  const width = down.length / rank, out = up.length / rank;
  return Float32Array.from({ length: out * width }, (_, at) => {
    const o = Math.floor(at / width), i = at % width;
    let sum = 0;
    for (let r = 0; r < rank; r++) sum += up[o * rank + r] * down[r * width + i];
    return alpha / rank * sum;
  });
}

/** The case's LoRAs as files with the metadata that its result names. */
function writeAll(json: Json, at: (name: string) => string): string[] {
  const { ss_v2, ss_base_model_version } = json.metadata ?? {};
  const metadata: Record<string, string> = ss_v2 === undefined ? {} : { ss_v2, ss_base_model_version };
  return json.loras.map((lora: Described, i: number) => {
    const path = at(`lora${i}`);
    writeLora(path, lora, metadata);
    return path;
  });
}

/** Row r of lora_down is multiplied by decay ** r. */
function writeLora(path: string, lora: Json, metadata: Record<string, string>, decay = 1): void {
  const { tag, modules } = lora as Described;
  const tensors = Object.entries(modules).flatMap(([name, [inputs, out]]) => {
    const large = inputs.length === 3 && inputs[1] * inputs[2] > 1;
    const rank: number = large ? lora["conv3x3 dim"] : lora.dim;
    const alpha: number = large ? lora["conv3x3 alpha"] : lora.alpha;
    const tensor = (role: string, shape: number[], change = (v: number, _: number) => v) => {
      const key = `${name}.${role}.weight`;
      const values = synthTensor(`${tag}.${key}`, shape).map(change);
      return { name: key, dtype: "F32", shape, data: new Uint8Array(values.buffer) };
    };
    const width = inputs.reduce((n, d) => n * d, 1);
    const alphaData = new Uint8Array(Float32Array.of(alpha).buffer);
    return [
      tensor("lora_down", [rank, ...inputs], (v, i) => v * Math.fround(decay ** Math.floor(i / width))),
      tensor("lora_up", inputs.length === 3 ? [out, rank, 1, 1] : [out, rank]),
      { name: `${name}.alpha`, dtype: "F32", shape: [], data: alphaData },
    ];
  });
  writeSafetensors(path, tensors, metadata);
}

export async function inFolder(work: (at: (name: string) => string) => Promise<Check[]>): Promise<Check[]> {
  const folder = Deno.makeTempDirSync({ prefix: "easel-golden-" });
  try {
    return await work((name) => join(folder, `${name}.safetensors`));
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}
