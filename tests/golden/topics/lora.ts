/** LoRA: which modules, with which ranks, groups and first weights; applied, merged and as a file. */

import type { Check, GoldenCase, Runner } from "../case.ts";
import { laterModel } from "../synth_models.ts";
import { file, wholeFile } from "./lora/files.ts";
import { forward } from "./lora/forward.ts";
import { NETWORKS } from "../../../src/networks/mod.ts";
import { otherKind } from "./lora/other_kinds.ts";
import { blocks, init, inventory, parsing } from "./lora/modules.ts";
import { run } from "./lora/run.ts";

export function match(c: GoldenCase): Runner | string | null {
  if (c.topic !== "lora") return null;
  const { json } = c;
  const type = /networks\.(\w+)/.exec(String(json.what ?? ""))?.[0];
  if (type && !NETWORKS.some(({ name }) => name === type)) return `${type} is not supported yet`;
  const later = laterModel(c.name.replace(/^(init|run)_/, ""));
  if (later) return later;
  const runs = (body: (c: GoldenCase) => Check[] | Promise<Check[]>): Runner => async () => await body(c);
  if (json.columns && json.modules && json.counts) return runs(inventory);
  if (json.modules_in_creation_order) return runs(init);
  if (type && type !== "networks.lora") return runs((c) => otherKind(c, type));
  if (json.param_groups) return runs(blocks);
  if (json.cases) return runs(parsing);
  if (json.tensors_in_file) return runs(file);
  if (json.sha256_of_data_part) return runs(wholeFile);
  if (json.lora_weights && json.inputs) return runs(forward);
  if (json.file_keys && json.args) return runs(run);
  return "this kind of lora case is not known";
}
