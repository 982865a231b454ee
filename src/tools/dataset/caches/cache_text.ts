/** cache_text_encoder_outputs: captions of a training as SDXL's text encoders give them, made beforehand. */

import { basename, dirname } from "node:path";
import type { DType } from "../../../base/dtype.ts";
import { UsageError, UserError } from "../../../base/errors.ts";
import { isTaken } from "../../../base/files/exists.ts";
import { removeLeftovers } from "../../../base/files/leftovers.ts";
import type { JobContext } from "../../../base/job.ts";
import { counted } from "../../../base/phrases.ts";
import { refuseForeignText, textFileOf, writeTextFile } from "../../../data/cache/text_file.ts";
import { textOwners, withoutTextFile } from "../../../data/cache/text_owners.ts";
import { loadMissing, openModel, partsOf } from "../../../models/mod.ts";
import type { ConfigOf } from "../../../options/mod.ts";
import { openChosenDevice, ParameterStore } from "../../../runtime/mod.ts";
import { CaptionEncoder } from "../../../training/objective/text_encoder.ts";
import type { cacheTextGroups } from "./cache_options.ts";
import { openDatasets } from "./dataset_entries.ts";
import { eachPicture } from "../pace.ts";

export type CacheTextConfig = ConfigOf<typeof cacheTextGroups>;

const DTYPES: Readonly<Record<CacheTextConfig["mixedPrecision"], DType>> = {
  no: "f32",
  fp16: "f16",
  bf16: "bf16",
};

/** Throws UserError for a model of another family, and when a folder or the disk refuses. */
export async function cacheText(config: CacheTextConfig, context: JobContext): Promise<void> {
  if (config.compat !== null && !config.sdxl) {
    throw new UsageError("only SDXL's captions are cached: give --sdxl, as sd-scripts wants it");
  }
  const { datasets } = await openDatasets(config, context);
  const entries = datasets.flatMap((dataset) => dataset.entries), owners = textOwners(entries);
  const fate = config.compat === null ? "are left to the training" : "are not used, as in sd-scripts";
  const others = withoutTextFile(entries, owners, fate);
  if (others !== null) context.warn(others);
  const files = new Map([...owners.values()].map((each) => [textFileOf(each.path), each]));
  clearLeftovers([...files.keys()], context);
  const waiting = [...files].filter(([file]) => {
    if (!isTaken(file)) return true;
    if (!config.skipExisting) refuseForeignText(file);
    return !config.skipExisting;
  });
  const encoder = await openEncoder(config, context);
  try {
    await eachPicture("caching captions", waiting, context, async ([file, { path, caption }]) => {
      const [made] = await encoder.encode([caption]);
      if (![...made.hidden, made.pooled].every((values) => values.every(Number.isFinite))) {
        throw new UserError(
          `${path}: the text encoders give states that are no numbers; use --mixed_precision no`,
        );
      }
      writeTextFile(file, made);
    });
  } finally {
    encoder.close();
  }
  context.log(`${counted(waiting.length, "caption")} encoded, ${files.size - waiting.length} were there`);
}

async function openEncoder(config: CacheTextConfig, context: JobContext) {
  const { threads, vramBudget, noVendorLibs, maxTokenLength } = config;
  const file = openModel(config.pretrainedModelNameOrPath, partsOf(config));
  const { family, shapes, path: source } = file, { pooled } = family.text;
  if (family.textEncoders.length !== 2 || !pooled) {
    file.close();
    throw new UserError(
      `${source}: is ${family.label}; only SDXL's captions are cached, a training encodes others itself`,
    );
  }
  const device = openChosenDevice(
    config.device,
    { threads, limitBytes: vramBudget ?? undefined, noVendorLibs },
    context.log,
  );
  const store = new ParameterStore(device), dtype = DTYPES[config.mixedPrecision];
  const load = (graph: Parameters<typeof loadMissing>[0]) => loadMissing(graph, store, file);
  const encoder = await CaptionEncoder.open({ family, shapes, store, source, dtype, load }, maxTokenLength);
  return {
    encode: (captions: readonly string[]) => encoder.encode(captions),
    close() {
      encoder.destroy();
      store.destroy();
      device.close();
      file.close();
    },
  };
}

function clearLeftovers(files: readonly string[], { log }: JobContext): void {
  const names = new Set(files.map((file) => basename(file)));
  for (const folder of new Set(files.map((file) => dirname(file)))) {
    removeLeftovers(folder, (name) => names.has(name), log);
  }
}
