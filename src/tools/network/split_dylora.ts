/** `easel extract_lora_from_dylora`: a DyLoRA as one LoRA for each of its ranks (sd-scripts' script of that name). */

import { join, parse } from "node:path";
import { UserError } from "../../base/errors.ts";
import { removeLeftoversOf } from "../../base/files/leftovers.ts";
import { hearSignals, type JobContext } from "../../base/job.ts";
import { toF32 } from "../../formats/tensor_file.ts";
import { openCheckpoint, type TensorFile, type TensorToWrite } from "../../formats/mod.ts";
import {
  encode,
  familyOfLora,
  type FileModule,
  fileModules,
  type PairKeys,
  saveTensors,
} from "../../networks/mod.ts";
import { keysFor } from "./any_kind/fitting_model.ts";
import type { SplitDyloraConfig } from "./options.ts";
import { keepRead } from "./read_files.ts";

/** Throws UserError for what is no LoRA, where there is nothing to split, and when the disk refuses. */
export async function splitDylora(config: SplitDyloraConfig, context: JobContext): Promise<void> {
  using file = openCheckpoint(config.model);
  const modules = fileModules(file, familyOfLora(file), context.warn);
  const largest = Math.max(...modules.map((m) => m.rank));
  if (config.unit >= largest) {
    throw new UserError(`${config.model}: its largest rank is ${largest}; give a --unit below that`);
  }
  const keysOf = keysFor(config.saveLoraKeys, file, modules);
  const { dir, name, ext } = parse(config.saveTo);
  for (let rank = config.unit; rank < largest; rank += config.unit) {
    await hearSignals(context);
    const path = `${join(dir, name)}-${String(rank).padStart(4, "0")}${ext}`;
    keepRead(path, { model: [config.model] });
    removeLeftoversOf(path, context.log);
    const comment = file.metadata.ss_training_comment ?? "";
    const { sshs_model_hash: _, sshs_legacy_hash: __, ...metadata } = file.metadata;
    saveTensors(
      path,
      modules.flatMap((module) =>
        cut(file, module, rank, config.saveLoraKeys === null ? module.keys : keysOf(module.name))
      ),
      {
        ...metadata,
        ss_training_comment: `split from DyLoRA, rank ${largest} to ${rank}; ${comment}`,
        ss_network_dim: String(rank),
      },
    );
    context.log(`saved ${path}`);
    context.emit({ event: "save", what: "model", path, step: 0 });
    context.progress({
      task: "splitting",
      step: rank / config.unit,
      total: Math.ceil(largest / config.unit) - 1,
    });
  }
}

/** The first `rank` rows of lora_down and columns of lora_up, in the file's dtype; alpha stays. */
function cut(
  file: TensorFile,
  { keys, alpha, downShape, upShape }: FileModule,
  most: number,
  named: PairKeys,
): TensorToWrite[] {
  const rank = Math.min(most, downShape[0]);
  const tensor = (key: string, name: string, shape: readonly number[], data: Uint8Array) => {
    return { name, dtype: file.info(key).dtype, shape, data };
  };
  const down = file.bytes(keys.down), up = file.bytes(keys.up);
  const row = up.length / upShape[0], part = row / upShape[1] * rank;
  const columns = new Uint8Array(part * upShape[0]);
  for (let o = 0; o < upShape[0]; o++) columns.set(up.subarray(o * row, o * row + part), o * part);
  return [
    ...(keys.alpha && named.alpha
      ? [tensor(keys.alpha, named.alpha, file.info(keys.alpha).shape, file.bytes(keys.alpha))]
      : []),
    tensor(
      keys.down,
      named.down,
      [rank, ...downShape.slice(1)],
      down.slice(0, down.length / downShape[0] * rank),
    ),
    named.scaled
      ? scaledUp(
        { name: named.up, dtype: file.info(keys.up).dtype, shape: [upShape[0], rank, ...upShape.slice(2)] },
        columns,
        alpha / rank,
      )
      : tensor(keys.up, named.up, [upShape[0], rank, ...upShape.slice(2)], columns),
  ];
}

/** lora_up with the scale that a dialect without alpha has it carry; float32 where the file's dtype is none that is written. */
function scaledUp(
  { name, dtype, shape }: Pick<TensorToWrite, "name" | "dtype" | "shape">,
  values: Uint8Array<ArrayBuffer>,
  scale: number,
): TensorToWrite {
  const saved = dtype === "F16" || dtype === "BF16" ? dtype : "F32";
  return { name, dtype: saved, shape, data: encode(toF32(dtype, values).map((v) => v * scale), saved) };
}
