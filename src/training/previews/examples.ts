/** What a training would see of its pictures, one after the other and without a model. */

import { type Batch, BatchLoader, type DatasetGroup } from "../../data/mod.ts";
import { renderBatch } from "../../data/batches/batch.ts";
import { drawItems } from "../../data/batches/draws.ts";
import { sd1 } from "../../models/families/sd1.ts";
import type { PythonRandom, TorchGenerator } from "../../random/mod.ts";

/** No model says what cached latents are like; those of all families with U-Nets are alike. */
const LATENT = sd1.latent;

export interface Seen {
  readonly epoch: number;
  /** Counted from 1, over all epochs. */
  readonly step: number;
  readonly batch: Batch;
}

export interface SeeingOptions {
  readonly torch: TorchGenerator;
  readonly python: PythonRandom;
  readonly maxTrainSteps: number;
  readonly note: (line: string) => void;
}

/** The batches of the first epoch as a training draws them. */
export async function* firstEpoch(group: DatasetGroup, options: SeeingOptions): AsyncGenerator<Seen> {
  const { torch, python: random, maxTrainSteps, note } = options;
  const loader = new BatchLoader(group, {
    latent: LATENT,
    torch,
    random,
    maxTrainSteps,
    compat: false,
    note,
  });
  loader.startEpoch(1);
  for (let step = 1;; step++) {
    const batch = await loader.next(step - 1);
    if (batch === null) return;
    yield { epoch: 1, step, batch };
  }
}

/** Epochs without end in the order of sd-scripts' debug_dataset(), which is not that of its training. */
export async function* shuffledEpochs(group: DatasetGroup, options: SeeingOptions): AsyncGenerator<Seen> {
  const { python, maxTrainSteps, note } = options, { orders } = group;
  const total = orders.reduce((sum, order) => sum + order.length, 0);
  for (let epoch = 1, step = 1;; epoch++) {
    const indices = Array.from({ length: total }, (_, i) => i);
    python.shuffle(indices);
    for (const number of indices) {
      for (const order of orders) {
        order.setEpoch(epoch, python);
        order.step = step;
      }
      let index = number, dataset = 0;
      while (index >= orders[dataset].length) index -= orders[dataset++].length;
      const draws = drawItems(orders[dataset], dataset, index, python, { maxTrainSteps });
      const batch = await renderBatch(group.datasets[dataset], draws, { latent: LATENT, compat: true, note });
      if (batch) yield { epoch, step, batch };
      step++;
    }
  }
}
