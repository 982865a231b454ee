/** extract_lora_from_models: a synthetic model and one with a known difference, compared by alpha / rank * up down. */

import { quietContext } from "../../../../src/base/job.ts";
import { openSafetensors, writeSafetensors } from "../../../../src/formats/mod.ts";
import { below, UNET, unetKeys } from "../../../../src/models/mod.ts";
import { fileModules } from "../../../../src/networks/mod.ts";
import { extractLora } from "../../../../src/tools/network/extract_lora.ts";
import type { Check, GoldenCase } from "../../case.ts";
import { close, exact } from "../../compare.ts";
import { synthTensor, uniform } from "../../synth.ts";
import { caseModel, type SynthModel } from "../../synth_models.ts";
import { compareTensor, deltaOf, inFolder } from "./lora_files.ts";

const PER_MODULE = "per_module [dim, alpha, norm of unclamped up@down]";

export function extracted(c: GoldenCase): Promise<Check[]> {
  const { json } = c;
  return inFolder(async (at) => {
    const model = caseModel({ model: /\b(sd\w+-tiny)\b/.exec(json.what)![1] });
    const [, unet, text] = /S=([\d.]+) for the UNet, ([\d.]+) for the text encoder/.exec(json.tuned)!;
    write(at("original"), model, () => null);
    write(at("tuned"), model, differences(model, Number(unet), Number(text)));
    await extractLora({
      ...{ modelOrg: at("original"), modelTuned: at("tuned"), saveTo: at("out"), dim: json.dim },
      ...{ convDim: json.conv_dim, minDiff: json.min_diff, clampQuantile: null, noMetadata: true },
      ...{
        v2: false,
        sdxl: false,
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
          close(`${name} norm`, [Math.hypot(...deltaOf(module))], [norm], limit),
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

/** The case's difference of a weight by its original key: S u diag(0.7^r) v / sqrt(n_in), six ranks. */
function differences(model: SynthModel, unet: number, text: number): (key: string) => Float32Array | null {
  const scope = "cond_stage_model.transformer.";
  const names = new Map<string, string>([
    ...unetKeys(below(model.shapes, `${UNET}.`), {}).map((row): [string, string] => [
      `${UNET}.${row.original}`,
      row.other,
    ]),
    ...[...below(model.shapes, scope).keys()].map((key): [string, string] => [scope + key, key]),
  ]);
  return (key) => {
    const name = names.get(key), shape = model.shapes.get(key)!;
    if (!name || name.includes("embedding") || shape.length < 2) return null;
    const scale = key.startsWith(UNET) ? unet : text, out = shape[0];
    const width = shape.slice(1).reduce((n, d) => n * d, 1);
    const u = uniform(`tuned.u.${name}`, out * 6), v = uniform(`tuned.v.${name}`, 6 * width);
    return Float32Array.from({ length: out * width }, (_, at) => {
      const o = Math.floor(at / width), i = at % width;
      let sum = 0;
      for (let r = 0; r < 6; r++) sum += u[o * 6 + r] * 0.7 ** r * v[r * width + i];
      return scale * sum / Math.sqrt(width);
    });
  };
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
