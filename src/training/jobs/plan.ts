/** `easel plan COMMAND`: what a training would need, without training or writing anything. */
import type { JobContext, Plan, PlannedValidation } from "../../base/job.ts";
import type { ParameterStore, Program } from "../../runtime/mod.ts";
import { cachesLatents } from "../../data/dataset/options.ts";
import type { DataConfig, StepConfig } from "../options.ts";
import { LatentEncoder } from "../objective/latents.ts";
import { largestBatches, largestLatents } from "../step/largest_shapes.ts";
import type { RunLength } from "../loop/run_length.ts";
import type { TrainingStep } from "../step/step.ts";
import type { TextCacheConfig } from "./text_cache.ts";
import type { TrainingRun } from "./training_run.ts";

/**
 * Plans the programs of the largest bucket and of the optimizer, and times one run of each. `open` makes the run, whose
 * latents are not cached and which is thrown away; no file is written. Throws UserError.
 */
export async function planTraining<C extends DataConfig & StepConfig & TextCacheConfig>(
  config: C,
  open: (config: C, context: JobContext) => Promise<TrainingRun>,
  context: JobContext,
): Promise<Plan> {
  const kept = {
    ...{ cacheLatents: false, cacheLatentsToDisk: false, cacheInfo: false, anySize: cachesLatents(config) },
    ...config.cacheTextEncoderOutputsToDisk &&
      { cacheTextEncoderOutputs: true, cacheTextEncoderOutputsToDisk: false },
  };
  const run = await open({ ...config, ...kept }, context);
  try {
    const { store, length, training: { step } } = run;
    const shapes = largestLatents(run.loader.group, run.drawing.family.latent, config);
    const accumulated = config.gradientAccumulationSteps;
    const encoder = cachesLatents(config) ? null : new LatentEncoder(run.drawing);
    await encoder?.prepare(largestBatches(run.loader.group));
    const plan = await planSteps({ store, length, step, shapes, accumulated });
    const drawn = run.samples?.memory(run.drawing)?.missingBytes ?? 0;
    const validation = await planValidation(run, config);
    return { ...plan, parameterBytes: plan.parameterBytes + drawn, ...validation && { validation } };
  } finally {
    run.close();
  }
}

/** What validating adds; null where no pictures are held out or it is never their turn. */
async function planValidation(
  { validation, training, length, drawing }: TrainingRun,
  config: DataConfig & StepConfig,
): Promise<PlannedValidation | null> {
  const times = validation?.times(length) ?? 0;
  if (!validation || times === 0) return null;
  let seconds = 0;
  for (const shape of largestLatents(validation.group, drawing.family.latent, config)) {
    seconds = Math.max(seconds, await timeOf(await training.lossProgram(shape)));
  }
  return { times, losses: validation.losses, seconds: seconds * validation.losses };
}

/** A training as far as its plan needs it. */
export interface PlannedSteps<Shape extends object> {
  readonly store: ParameterStore;
  readonly length: RunLength;
  readonly step: TrainingStep<Shape>;
  readonly shapes: readonly Shape[];
  /** Batches whose gradients make a step. */
  readonly accumulated: number;
}

/** Makes and times the programs of a training that is open already. */
export async function planSteps<Shape extends object>(
  { store, length, step, shapes, accumulated }: PlannedSteps<Shape>,
): Promise<Plan> {
  const { device } = store;
  let seconds = 0;
  for (const shape of shapes) seconds = Math.max(seconds, await timeOf(await step.program(shape)));
  // the first one looks at its outcome, which may take more than the others do
  if (!step.options.fused) await step.updateProgram("checked");
  // Runs too: memory that no step has touched yet would be missing from the process.
  const updateSeconds = step.options.fused ? 0 : await timeOf(await step.updateProgram(step.usualUpdate));
  // members of a flat parameter lie inside its buffer
  const buffers = new Set(store.names().map((name) => store.get(name).buffer));
  const parameterBytes = [...buffers].reduce((sum, { bytes }) => sum + bytes, 0);
  const again = shapes.map((shape) => step.recomputed(shape)).reduce((a, b) =>
    a && b && b.flop > a.flop ? b : a
  );
  return {
    ...again && { recomputed: { segments: again.segments.size, of: again.of } },
    steps: length.steps,
    epochs: length.epochs,
    programBytes: device.peakBytes - parameterBytes,
    parameterBytes,
    processBytes: device.info().backend === "cpu"
      ? Math.max(0, Deno.memoryUsage().rss - device.allocatedBytes)
      : 0,
    secondsPerStep: seconds * accumulated + updateSeconds,
  };
}

/** Seconds of the second of two runs; the first touches the memory. Zeros are as slow as any other numbers. */
async function timeOf(program: Program): Promise<number> {
  const inputs = Object.fromEntries(
    [...program.tables.inputs].map(([name, { shape, dtype }]) => {
      const count = shape.reduce((n, d) => n * d, 1);
      return [name, dtype === "i32" ? new Int32Array(count) : new Float32Array(count)];
    }),
  );
  await program.run(inputs);
  const start = performance.now();
  await program.run(inputs);
  return (performance.now() - start) / 1000;
}
