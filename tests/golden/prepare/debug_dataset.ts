/**
 * --debug_dataset: each picture's caption and numbers, epoch by epoch. Within an epoch the order also hangs on the dataset's
 * own seed, which the case does not tell, so pictures are compared in the order of their names.
 */

import { type Batch, createDatasetGroup, planDatasets } from "../../../src/data/mod.ts";
import { withDefaults } from "../../../src/options/mod.ts";
import { PythonRandom, TorchGenerator } from "../../../src/random/mod.ts";
import { shuffledEpochs } from "../../../src/training/previews/examples.ts";
import { trainingGroups } from "../../../src/training/options.ts";
import type { Check, GoldenCase } from "../case.ts";
import { exact } from "../compare.ts";
import { withFolder } from "../tool_run.ts";
import { writeGiven } from "./pictures.ts";

export function checkDebugDataset(c: GoldenCase): Promise<Check[]> {
  const { dataset, lines, seed } = c.json;
  const files = { ...c.json.files, "dataset.json": JSON.stringify(dataset) };
  return withFolder(files, writeGiven, async () => {
    const python = new PythonRandom(0);
    const flags = { pretrainedModelNameOrPath: "", outputDir: "", datasetConfig: "dataset.json" };
    const group = await createDatasetGroup(planDatasets(withDefaults(trainingGroups, flags)), python, {
      compat: true,
    });
    python.seed(Number(/random\.seed\((\d+)\)/.exec(seed)![1]));
    const total = group.orders[0].length, wanted = epochs(lines), got: string[][] = [];
    const options = { python, torch: new TorchGenerator(0), maxTrainSteps: 1600, note: () => {} };
    for await (const { epoch, step, batch } of shuffledEpochs(group, options)) {
      if (epoch > wanted.length) break;
      const pictures = batch.captions.flatMap((_, i) => described(batch, i, group));
      (got[epoch - 1] ??= []).push(`steps: ${step} (${(step - 1) % total + 1}/${total})`, ...pictures);
    }
    return wanted.map((each, i) => exact(`epoch ${i + 1}`, got[i].sort(), each.sort()));
  });
}

/** The lines about steps and pictures of each epoch. */
function epochs(lines: readonly string[]): string[][] {
  const found: string[][] = [];
  for (const line of lines) {
    if (line.startsWith("epoch: ")) found.push([]);
    else if (/^(steps: |train\/|image size)/.test(line)) found.at(-1)!.push(line);
  }
  return found;
}

/** As sd-scripts prints it, with PyTorch's way to write tensors. */
function described(
  batch: Batch,
  i: number,
  { datasets: [dataset] }: Awaited<ReturnType<typeof createDatasetGroup>>,
): string[] {
  const path = batch.imagePaths[i],
    [width, height] = dataset.entries.find((entry) => entry.path === path)!.size!;
  const tensor = (pair: readonly number[]) => {
    const wide = Math.max(...pair.map((n) => String(n).length));
    return `tensor([${pair.map((n) => String(n).padStart(wide)).join(", ")}])`;
  };
  const weight = Number.isInteger(batch.lossWeights[i])
    ? `${batch.lossWeights[i]}.0`
    : String(batch.lossWeights[i]);
  const flipped = batch.flippeds[i] ? "True" : "False", [w, h] = batch.bucket;
  return [
    `${path}, size: (${width}, ${height}), loss weight: ${weight}, caption: "${
      batch.captions[i]
    }", original size: ${tensor(batch.originalSizes[i])}, crop top left: ${
      tensor(batch.cropTopLefts[i])
    }, target size: ${tensor(batch.targetSizes[i])}, flipped: ${flipped}`,
    `image size: torch.Size([3, ${h}, ${w}])`,
  ];
}
