/** cache_latents: latents of a training's pictures, made beforehand into the files that --cache_latents_to_disk finds. */

import { UsageError } from "../../../base/errors.ts";
import type { JobContext } from "../../../base/job.ts";
import { cacheLatents as cacheDataset, datasetName } from "../../../data/mod.ts";
import type { ConfigOf } from "../../../options/mod.ts";
import { PythonRandom } from "../../../random/mod.ts";
import type { cacheLatentsGroups } from "./cache_options.ts";
import { openDatasets } from "./dataset_entries.ts";
import { openLatentMaker } from "./latent_maker.ts";

export type CacheLatentsConfig = ConfigOf<typeof cacheLatentsGroups>;

/** Throws UserError when the model, a folder or the disk refuses. */
export async function cacheLatents(config: CacheLatentsConfig, context: JobContext): Promise<void> {
  if (config.compat !== null && config.alphaMask) {
    throw new UsageError(
      `--alpha_mask does not work in sd-scripts ${config.compat}'s cache_latents; leave --compat out`,
    );
  }
  const python = new PythonRandom(config.seed ?? 0);
  const { datasets } = await openDatasets(config, context, python, true);
  const maker = openLatentMaker({
    ...config,
    vae: config.vae ?? config.pretrainedModelNameOrPath,
    mixedPrecision: config.noHalfVae ? "no" : config.mixedPrecision,
  }, context.log);
  try {
    const owned = new Map<string, string>(), again = config.skipExisting ? undefined : new Set<string>();
    let made = 0;
    for (const [i, dataset] of datasets.entries()) {
      await cacheDataset(dataset, {
        ...{
          latent: maker.latent,
          encode: maker.encode,
          batchSize: config.vaeBatchSize,
          toDisk: true,
          owned,
          onlyFiles: true,
          again,
          trusted: config.skipCacheCheck,
        },
        compat: config.compat !== null,
        threads: config.threads,
        // a crop that a training would refuse to find in its cache
        cropAt: config.compat === null ? undefined : (extra) => python.randint(0, extra),
        onStart: () =>
          void (datasets.length > 1 && context.log(`caching latents of ${datasetName(dataset, i)}`)),
        onProgress: (step, total) => {
          made = step === total ? made + total : made;
          context.progress({ task: "caching latents", step, total });
        },
        note: (line) => context.warn(line),
        checkpoint: () => context.signal.throwIfAborted(),
      });
    }
    context.log(`latents made: ${made}`);
  } finally {
    maker.close();
  }
}
