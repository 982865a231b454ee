/** extract_lora_from_models: a synthetic model and one with a known difference, compared by alpha / rank * up down. */

import { quietContext } from "../../../../src/base/job.ts";
import { openSafetensors, writeSafetensors } from "../../../../src/formats/mod.ts";
import { below, clipConfig, type KeyRow, openClipKeys, UNET, unetKeys } from "../../../../src/models/mod.ts";
import { fileModules } from "../../../../src/networks/mod.ts";
import { extractLora } from "../../../../src/tools/network/extract_lora.ts";
import type { Check, GoldenCase } from "../../case.ts";
import { close, exact } from "../../compare.ts";
import { synthTensor, uniform } from "../../synth.ts";
import { caseModel, type SynthModel } from "../../synth_models.ts";
import { compareTensor, deltaOf, inFolder, normOf } from "./lora_files.ts";

const PER_MODULE = "per_module [dim, alpha, norm of unclamped up@down]";

export function extracted(c: GoldenCase): Promise<Check[]> {
  const { json } = c;
  return inFolder(async (at) => {
    const model = caseModel({ model: /\b(sd\w+-tiny)\b/.exec(json.what)![1] }), { flag } = model.family;
    const [, unet, text] = /S=([\d.]+) for the UNet, ([\d.]+) for the text encoder/.exec(json.tuned)!;
    write(at("original"), model, () => null);
    write(at("tuned"), model, differences(model, Number(unet), Number(text)));
    await extractLora({
      ...{ modelOrg: at("original"), modelTuned: at("tuned"), saveTo: at("out"), dim: json.dim },
      ...{ convDim: json.conv_dim, minDiff: json.min_diff, clampQuantile: null, noMetadata: true },
      ...{
        v2: flag === "v2",
        sdxl: flag === "sdxl",
        vParameterization: false,
        loadPrecision: null,
        savePrecision: null,
        saveLoraKeys: null,
      },
      ...{ compat: null, device: "cpu", threads: 0 },
    }, quietContext());
    using out = openSafetensors(at("out"));
    const modules = fileModules(out, null), limit = json.tolerance.rel_l2;
    const found = new Map(modules.map((module) => [module.name, module]));
    const { sshs_model_hash: _, sshs_legacy_hash: __, ...metadata } = out.metadata;
    const { sshs_model_hash: ___, sshs_legacy_hash: ____, ...wanted } = json.metadata;
    const tensors = c.tensors();
    return [
      exact("metadata", metadata, wanted),
      exact("modules", modules.length, json.n_modules),
      ...Object.entries<[number, number, number]>(json[PER_MODULE]).flatMap(([name, [dim, alpha, norm]]) => {
        const module = found.get(name);
        if (!module) return [exact(name, "missing", "there")];
        return [
          exact(`${name} rank`, [module.rank, module.alpha], [dim, alpha]),
          close(`${name} norm`, [normOf(deltaOf(module))], [norm], limit),
        ];
      }),
      ...tensors.keys().filter((key) => key.startsWith("delta.")).map((key) => {
        const stored = key.replace(/\.slice$/, ""), module = found.get(stored.slice("delta.".length))!;
        const shape = [module.upShape[0], ...module.downShape.slice(1)];
        return compareTensor(tensors, stored, deltaOf(module), shape, limit);
      }),
    ];
  });
}

/** Every key's parameters inside sd-scripts' modules: one, or the thirds of open_clip's fused projections. */
function parameters({ shapes, family }: SynthModel): Map<string, Pick<KeyRow, "other" | "otherShape">[]> {
  const found = new Map<string, Pick<KeyRow, "other" | "otherShape">[]>();
  const put = (scope: string, rows: readonly KeyRow[]) => {
    for (const row of rows) {
      const key = `${scope}.${row.original}`;
      found.set(key, [...found.get(key) ?? [], row]);
    }
  };
  const itself = (scope: string): KeyRow[] =>
    [...below(shapes, `${scope}.`)].map(([key, shape]) => ({
      ...{ original: key, other: key, originalShape: shape, otherShape: shape },
    }));
  // SDXL's U-Net keeps the checkpoint's names
  put(UNET, family.sizes ? itself(UNET) : unetKeys(below(shapes, `${UNET}.`), {}));
  for (const { scope, layout, usedLayers } of family.textEncoders) {
    const own = below(shapes, `${scope}.`);
    if (layout !== "clip_l") put(scope, openClipKeys(own, usedLayers(clipConfig(own)!.layers)));
    else put(scope, itself(scope).map((row) => ({ ...row, other: `text_model.${row.other}` })));
  }
  return found;
}

/** The case's difference of a weight by its original key: S u diag(0.7^r) v / sqrt(n_in), six ranks. */
function differences(model: SynthModel, unet: number, text: number): (key: string) => Float32Array | null {
  const rows = parameters(model);
  return (key) => {
    const scale = key.startsWith(UNET) ? unet : text, parts = rows.get(key) ?? [];
    if (parts.length === 0 || parts[0].otherShape.length < 2) return null;
    const all = parts.map(({ other, otherShape }) => difference(other, otherShape, scale));
    return Float32Array.from(all.flatMap((values) => [...values]));
  };
}

function difference(name: string, shape: readonly number[], scale: number): Float32Array {
  const out = shape[0], width = shape.slice(1).reduce((n, d) => n * d, 1);
  const found = new Float32Array(out * width);
  if (name.includes("embedding")) return found;
  const u = uniform(`tuned.u.${name}`, out * 6), v = uniform(`tuned.v.${name}`, 6 * width);
  return found.map((_, at) => {
    const o = Math.floor(at / width), i = at % width;
    let sum = 0;
    for (let r = 0; r < 6; r++) sum += u[o * 6 + r] * 0.7 ** r * v[r * width + i];
    return scale * sum / Math.sqrt(width);
  });
}

function write(path: string, { shapes }: SynthModel, change: (key: string) => Float32Array | null): void {
  writeSafetensors(
    path,
    [...shapes].map(([name, shape]) => ({
      ...{ name, dtype: "F32", shape },
      data: () => {
        const delta = change(name), values = synthTensor(name, shape);
        const changed = delta ? values.map((x, i) => x + delta[i]) : values;
        return new Uint8Array(changed.buffer);
      },
    })),
    {},
  );
}
