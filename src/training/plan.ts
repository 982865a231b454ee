/** `easel plan train_network`: what a run would need, without training or writing anything. */
import type { JobContext } from "../base/job.ts";
import type { TrainNetworkConfig } from "./config.ts";
import { openNetworkRun } from "./network_run.ts";

export interface TrainingPlan {
  readonly steps: number;
  readonly epochs: number;
  /** Activations, inputs and gradients of the largest bucket's program. */
  readonly programBytes: number;
  /** Weights, gradients and optimizer moments on the device. */
  readonly parameterBytes: number;
}

/** Plans the program of the largest bucket. Latents are not cached and no file is written. Throws UserError. */
export async function planTraining(config: TrainNetworkConfig, context: JobContext): Promise<TrainingPlan> {
  const run = await openNetworkRun({ ...config, cacheLatents: false, cacheLatentsToDisk: false }, context);
  try {
    const { loader, training, length } = run;
    let programBytes = 0;
    for (const dataset of loader.group.datasets) {
      const area = (size: readonly number[]) => size[0] * size[1];
      const largest = dataset.buckets.reduce((a, b) => area(b.size) > area(a.size) ? b : a);
      const [width, height] = largest.size;
      const { memory } = await training.step.program({
        batch: Math.min(dataset.params.batch_size, largest.members.length),
        height: height >> 3,
        width: width >> 3,
        chunks: (config.maxTokenLength ?? 75) / 75,
        masked: dataset.subsets.some((subset) => "alpha_mask" in subset && subset.alpha_mask),
      });
      programBytes = Math.max(programBytes, memory.arenaBytes + memory.packedBytes + memory.scratchBytes);
    }
    const parameterBytes = run.store.names().reduce((sum, name) => {
      const { shape, dtype, buffer, offset } = run.store.get(name);
      // members of a flat parameter lie inside it
      const bytes = shape.reduce((n, d) => n * d, 1) *
        (dtype === "f32" || dtype === "i32" ? 4 : dtype === "u8" ? 1 : 2);
      return offset === 0 && bytes >= buffer.bytes ? sum + bytes : sum;
    }, 0);
    return { steps: length.steps, epochs: length.epochs, programBytes, parameterBytes };
  } finally {
    run.close();
  }
}
