/** --debug_dataset: what the trainer would see, as pictures and a page in a folder, and nothing else. */

import { join } from "node:path";
import { atomicWriteFile } from "../../base/files/atomic.ts";
import { removeLeftovers } from "../../base/files/leftovers.ts";
import { hearSignals, type JobContext } from "../../base/job.ts";
import { counted } from "../../base/phrases.ts";
import {
  type Batch,
  createDatasetGroup,
  describeDatasets,
  planDatasets,
  type Supports,
} from "../../data/mod.ts";
import { encodePng } from "../../images/png_file.ts";
import { runGenerators } from "../objective/generators.ts";
import type { TrainingConfig } from "../options.ts";
import { firstEpoch, shuffledEpochs } from "./examples.ts";
import { datasetPage, type Row } from "./page.ts";

/** A page of more is none that anybody looks through. */
const MOST_PICTURES = 500;

/** Writes OUTPUT_DIR/NAME_debug_dataset. Throws UserError for what a training would refuse about its pictures. */
export async function debugDataset(
  config: TrainingConfig,
  context: JobContext,
  supports?: Supports,
): Promise<void> {
  const compat = config.compat !== null, seed = config.seed ?? crypto.getRandomValues(new Uint32Array(1))[0];
  const { torch, python } = runGenerators(seed, config, false);
  const group = await createDatasetGroup(planDatasets(config, supports), python, {
    compat,
    split: { part: "training", seed: config.validationSeed ?? seed },
  });
  const lines = describeDatasets(group);
  for (const line of lines) context.log(line);
  const folder = join(config.outputDir, `${config.outputName ?? "dataset"}_debug_dataset`);
  Deno.mkdirSync(folder, { recursive: true });
  removeLeftovers(folder, () => true, context.log);
  const total = group.orders.reduce((sum, order) => sum + order.length, 0);
  const options = {
    torch,
    python,
    maxTrainSteps: config.maxTrainSteps,
    note: (line: string) => context.warn(line),
  };
  const rows: Row[] = [];
  for await (
    const { epoch, step, batch } of compat ? shuffledEpochs(group, options) : firstEpoch(group, options)
  ) {
    if (epoch > 1 || rows.length >= MOST_PICTURES) break;
    await hearSignals(context);
    rows.push(...writeBatch(folder, step, batch));
    context.progress({ task: "writing the dataset", step, total });
  }
  const shown = `${counted(rows.length, "picture")} of the first epoch`;
  const rest = rows.length >= MOST_PICTURES ? [`no more than ${MOST_PICTURES} pictures are written`] : [];
  const seeds = `seed ${seed}${compat ? ", in the order of sd-scripts' own debug_dataset" : ""}`;
  atomicWriteFile(join(folder, "index.html"), datasetPage(`${shown}, ${seeds}`, [...lines, ...rest], rows));
  context.log(`wrote ${join(folder, "index.html")} with ${shown}; nothing is trained`);
}

function writeBatch(folder: string, step: number, batch: Batch): Row[] {
  const [width, height] = batch.bucket, area = width * height;
  return batch.captions.map((caption, i) => {
    const name = `${String(step).padStart(5, "0")}_${String(i + 1).padStart(2, "0")}`;
    const write = (file: string, data: Uint8Array) => {
      atomicWriteFile(join(folder, file), encodePng({ width, height, data }));
      return file;
    };
    const rgb = (name: string, all: Float32Array | null) => {
      const values = all?.subarray(i * area * 3, (i + 1) * area * 3);
      return values ? write(name, Uint8Array.from(values, (x) => Math.round((x + 1) * 127.5))) : null;
    };
    const mask = batch.alphaMasks?.subarray(i * area, (i + 1) * area);
    return {
      ...{ step, path: batch.imagePaths[i], caption, facts: factsOf(batch, i) },
      picture: rgb(`${name}.png`, batch.pixels),
      conditioning: rgb(`${name}_conditioning.png`, batch.conditioning),
      mask: mask ? write(`${name}_mask.png`, Uint8Array.from(mask, (x) => Math.round(x * 255))) : null,
    };
  });
}

/** Sizes as a model is told them: width and height, left and top. */
export function factsOf(batch: Batch, i: number): Record<string, string> {
  const pair = ([down, across]: readonly [number, number], sign: string) => `${across}${sign}${down}`;
  return {
    "original size": pair(batch.originalSizes[i], "x"),
    "cut at": pair(batch.cropTopLefts[i], ","),
    "training size": pair(batch.targetSizes[i], "x"),
    mirrored: batch.flippeds[i] ? "yes" : "no",
    "loss weight": String(batch.lossWeights[i]),
    ...(batch.pixels ? {} : { latents: "from a file" }),
  };
}
