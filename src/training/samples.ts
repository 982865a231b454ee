/** Pictures drawn from prompts while training goes on. Whatever fails here is told and never stops the training. */
import { dirname, join } from "node:path";
import { atomicWriteFile } from "../base/atomic.ts";
import type { JobContext } from "../base/job.ts";
import { stamp } from "../generation/file_names.ts";
import type { DrawingModel } from "../generation/model.ts";
import { Pipeline } from "../generation/pipeline.ts";
import { toBytes } from "../generation/pixels.ts";
import { encodePng } from "../formats/png.ts";
import { drawSample, sampleConditioner } from "../generation/sample.ts";
import { readSamplePrompts } from "../generation/sample_prompt.ts";
import type { OutputConfig } from "./config.ts";

type SampleConfig =
  & Pick<
    OutputConfig,
    | "outputDir"
    | "outputName"
    | "samplePrompts"
    | "sampleSampler"
    | "sampleEveryNSteps"
    | "sampleEveryNEpochs"
    | "sampleAtFirst"
  >
  & { readonly vParameterization: boolean; readonly clipSkip: number | null };

/** Whether pictures are due: `epoch` (from 1) at the end of one, null after a step; step 0 is before the first. */
export function samplesDue(config: SampleConfig, epoch: number | null, step: number): boolean {
  if (config.samplePrompts === null) return false;
  if (step === 0) return config.sampleAtFirst;
  if (config.sampleEveryNEpochs !== null) return epoch !== null && epoch % config.sampleEveryNEpochs === 0;
  return epoch === null && config.sampleEveryNSteps !== null && step % config.sampleEveryNSteps === 0;
}

/** Draws every prompt of the file with the model as it is now. */
export async function drawSamples(
  model: DrawingModel,
  config: SampleConfig,
  epoch: number | null,
  step: number,
  context: JobContext,
): Promise<void> {
  let pipeline: Pipeline | null = null;
  try {
    pipeline = new Pipeline(model);
    const folder = join(config.outputDir, "sample");
    const conditioner = await sampleConditioner(pipeline, config.clipSkip, (text) => context.warn(text));
    for (const [i, prompt] of readSamplePrompts(config.samplePrompts!).entries()) {
      if (context.signal.aborted) return;
      const { width, height, image } = await drawSample(pipeline, conditioner, prompt, {
        sampler: config.sampleSampler,
        prediction: config.vParameterization ? "v_prediction" : "epsilon",
        signal: context.signal,
      });
      const when = epoch === null ? String(step).padStart(6, "0") : `e${String(epoch).padStart(6, "0")}`;
      const seed = prompt.seed === null ? "" : `_${prompt.seed}`;
      const name = `${config.outputName === null ? "" : `${config.outputName}_`}${when}_${
        String(i).padStart(2, "0")
      }_${stamp(new Date())}${seed}.png`;
      const png = encodePng({ width, height, data: toBytes(image) });
      const path = join(folder, name);
      Deno.mkdirSync(dirname(path), { recursive: true });
      atomicWriteFile(path, png);
      context.log(`sample picture: ${path}`);
      const { prompt: text, seed: drawnFrom } = prompt;
      context.emit({ event: "sample", path, prompt: text, seed: drawnFrom, width, height, step });
    }
  } catch (error) {
    if (!context.signal.aborted) {
      context.warn(`sample pictures failed: ${(error as Error).message}; training goes on`);
    }
  } finally {
    pipeline?.destroy();
  }
}
