/** The pictures of a training's datasets, for tools that make its caches beforehand. */

import { extname } from "node:path";
import { UserError } from "../../../base/errors.ts";
import type { JobContext } from "../../../base/job.ts";
import {
  createDatasetGroup,
  type DatasetGroup,
  describeDatasets,
  planDatasets,
  type Supports,
} from "../../../data/mod.ts";
import { CONDITIONED, supportsOf } from "../../../data/dataset/config_schema.ts";
import type { DatasetFlags } from "../../../data/dataset/options.ts";
import { PythonRandom } from "../../../random/mod.ts";

/** What only a training decides. */
const TRAINED = { trainBatchSize: 1, priorLossWeight: 1, maxTokenLength: null, debugDataset: false };

/** Finds and tells them. Throws UserError where there are none. */
export async function openDatasets(
  config: Omit<DatasetFlags, keyof typeof TRAINED> & { readonly compat: string | null },
  context: JobContext,
  python = new PythonRandom(0),
  captionsUnread = false,
): Promise<DatasetGroup> {
  const plans = planDatasets({ ...TRAINED, ...config }, supportsFor(config));
  const group = await createDatasetGroup(plans, python, { compat: config.compat !== null, captionsUnread });
  for (const line of describeDatasets(group)) context.log(line);
  if (config.compat !== null) refuseEmptyCaptions(group);
  return group;
}

/** Dataset files of all trainings are taken; without one, conditioning pictures that are no masks are a ControlNet's. */
function supportsFor(
  { datasetConfig, conditioningDataDir, maskedLoss }: Pick<
    DatasetFlags,
    "datasetConfig" | "conditioningDataDir" | "maskedLoss"
  >,
): Supports {
  if (datasetConfig !== null) return supportsOf({ maskedLoss: true });
  return conditioningDataDir !== null && !maskedLoss ? CONDITIONED : supportsOf({ maskedLoss });
}

/** sd-scripts reads the first line of each caption file, and ends where there is none at all. */
function refuseEmptyCaptions({ datasets }: DatasetGroup): void {
  for (const { path, subset } of datasets.flatMap(({ entries }) => entries)) {
    if (!("caption_extension" in subset)) continue;
    const file = path.slice(0, path.length - extname(path).length) + subset.caption_extension;
    if (sizeOf(file) === 0) {
      throw new UserError(`${file}: is empty, at which sd-scripts 0.9.1 ends; leave --compat out`);
    }
  }
}

function sizeOf(path: string): number | null {
  try {
    return Deno.statSync(path).size;
  } catch {
    return null;
  }
}
