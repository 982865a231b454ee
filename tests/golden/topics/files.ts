/** Files of models: checkpoints of torch.save(), what loads and what comes out of it, what is saved, Diffusers folders. */

import type { GoldenCase, Runner } from "../case.ts";
import { laterModel } from "../synth_models.ts";
import { fp8Casts, modelSizes } from "./files/numbers.ts";
import { torchFile } from "./files/torch_file.ts";
import { vaeFiles } from "./files/vae_files.ts";
import { loaded } from "./files/loaded.ts";
import { folders, saved } from "./files/saved.ts";

/** Each kind of case by what only it has. */
const KINDS:
  readonly (readonly [(json: GoldenCase["json"]) => boolean, (c: GoldenCase) => ReturnType<Runner>])[] = [
    [(json) => Array.isArray(json.tensors_in_file), torchFile],
    [(json) => json.parameters && json.gib_bf16, modelSizes],
    [(json) => json.codes && json.values_of_codes, fp8Casts],
    [(json) => json.reference_digest, vaeFiles],
    [(json) => json.folders && json.tensors_by_file, folders],
    [(json) => json.table && json.save, saved],
    [(json) => json.digest_rule && json.results, loaded],
  ];

export function match(c: GoldenCase): Runner | string | null {
  if (c.topic !== "files") return null;
  const later = laterModel(c.name.replace("_", " "));
  if (later) return later;
  const kind = KINDS.find(([is]) => is(c.json));
  return kind ? () => kind[1](c) : "files of this kind are not compared yet";
}
