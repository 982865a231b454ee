/** merge_models: small files in place of models, with the keys that the sums depend on. */

import { join } from "node:path";
import { quietContext } from "../../../../src/base/job.ts";
import { openSafetensors } from "../../../../src/formats/safetensors.ts";
import { mergeModels } from "../../../../src/tools/models/merge_models.ts";
import type { Check, GoldenCase } from "../../case.ts";
import { close, exact } from "../../compare.ts";
import { inFolder, synthetic, writeTensors } from "../files/variants.ts";

interface Described {
  readonly tag: string;
  readonly keys: readonly string[];
}

const canonical = (key: string) =>
  key.replace(/^cond_stage_model\.transformer\.(?=(embeddings|encoder|final_layer_norm)\.)/, "$&text_model.");

export function mergedModels(c: GoldenCase): Promise<Check[]> {
  const { json } = c, { options } = json;
  return inFolder(async (folder) => {
    const shapes: Record<string, number[]> = json.tensors;
    const models = (json.models as Described[]).map(({ tag, keys }) =>
      writeTensors(
        join(folder, `${tag}.safetensors`),
        new Map(keys.map((key) => [key, synthetic(shapes[canonical(key)] ?? [4], tag + canonical(key))])),
      )
    );
    const output = join(folder, "merged.safetensors");
    await mergeModels({
      ...{ models, output, ratios: json.ratios ?? null, showSkipped: false, compat: "0.9.1" },
      unetOnly: options.unet_only ?? false,
      precision: options.precision ?? "float",
      savingPrecision: options.saving_precision ?? "float",
    }, quietContext());
    using file = openSafetensors(output);
    const expected = c.tensors(), keys = expected.keys();
    const dtypes = Object.fromEntries(keys.map((key) => [key, `torch.${TORCH[file.info(key).dtype]}`]));
    return [
      exact("keys", file.keys().toSorted(), keys.toSorted()),
      exact("dtypes", dtypes, json.result_dtypes),
      ...keys.map((key) => close(key, file.f32(key), expected.f32(key), json.tolerance.rel)),
    ];
  });
}

const TORCH: Readonly<Record<string, string>> = { F32: "float32", F16: "float16", BF16: "bfloat16" };
