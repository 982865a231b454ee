/** Files of LoRAs: read, written again byte for byte, and their two hashes. */

import { createHash } from "node:crypto";
import { encodeHeader, inFileOrder, openSafetensors } from "../../../../src/formats/safetensors.ts";
import {
  loadLora,
  loraModules,
  loraTensors,
  type SaveDtype,
  saveLora,
} from "../../../../src/networks/mod.ts";
import type { Check, GoldenCase } from "../../case.ts";
import { exact } from "../../compare.ts";
import { caseModel } from "../../synth_models.ts";
import { optionsOf, ruleWeights } from "./shared.ts";

const DTYPES: Record<string, string> = {
  "torch.float16": "F16",
  "torch.bfloat16": "BF16",
  "torch.float32": "F32",
  "torch.int64": "I64",
};

/** The file of the reference lies beside the case: loaded into sd1-tiny and saved again it is the same. */
export function file(c: GoldenCase): Check[] {
  const { json } = c;
  const { family, shapes } = caseModel(json);
  using theirs = openSafetensors(c.path.replace(/\.json$/, ".file.safetensors"));
  const { modules, weights } = loadLora(theirs, shapes, family);
  const dtype = (DTYPES[json.save_dtype] ?? null) as SaveDtype;
  const path = Deno.makeTempFileSync({ suffix: ".safetensors" });
  try {
    saveLora(path, modules, weights, dtype, json.metadata_given ?? {});
    using ours = openSafetensors(path);
    const expected = Object.entries(json.tensors_in_file as Record<string, [string, number[]]>);
    const table = Object.fromEntries(
      ours.keys().map((key) => [key, [ours.info(key).dtype, [...ours.info(key).shape]]]),
    );
    return [
      exact("keys in order", ours.keys(), json.key_order_in_file),
      exact(
        "tensors",
        table,
        Object.fromEntries(expected.map(([key, [type, shape]]) => [key, [DTYPES[type], shape]])),
      ),
      exact("metadata", { ...ours.metadata }, json.metadata_in_file),
      exact("bytes", ours.keys().filter((key) => !same(ours.bytes(key), theirs.bytes(key))), []),
      exact("size", Deno.statSync(path).size, Deno.statSync(theirs.path).size),
    ];
  } finally {
    Deno.removeSync(path);
  }
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

/** A whole network of the rule's weights: sizes and hashes of its file. */
export function wholeFile({ json }: GoldenCase): Check[] {
  const { family, shapes } = caseModel({ model: /\b(sd\w+-tiny)\b/.exec(json.what)?.[1] });
  const options = optionsOf(json.network_dim, json.network_alpha, json.network_args, family.sites.blocks);
  const modules = loraModules(shapes, family, options);
  const weights = ruleWeights(modules, 0.1);
  const dtype = (DTYPES[json.save_dtype] ?? null) as SaveDtype;
  const tensors = inFileOrder(loraTensors(modules, weights, dtype));
  const data = createHash("sha256");
  for (const { data: bytes } of tensors) data.update(typeof bytes === "function" ? bytes() : bytes);
  const path = Deno.makeTempFileSync({ suffix: ".safetensors" });
  try {
    saveLora(path, modules, weights, dtype, json.metadata_given);
    using ours = openSafetensors(path);
    const first = json.data_part_order_first6.length;
    return [
      exact("first keys", tensors.slice(0, first).map(({ name }) => name), json.data_part_order_first6),
      exact("sha256 of the data", data.digest("hex"), json.sha256_of_data_part),
      exact("metadata", { ...ours.metadata }, json.metadata_in_file),
      exact("header length", encodeHeader(tensors, ours.metadata).length - 8, json.header_length),
      exact("size", Deno.statSync(path).size, json.file_size),
    ];
  } finally {
    Deno.removeSync(path);
  }
}
