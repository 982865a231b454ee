/** easel gen_img: pictures from prompts, files named and written as sd-scripts' gen_img.py does. */

import { removeLeftovers } from "../base/files/leftovers.ts";
import type { JobContext } from "../base/job.ts";
import type { ModelFile } from "../models/mod.ts";
import type { LoraTag } from "../text/mod.ts";
import { Drawing } from "./drawing.ts";
import type { GenImgConfig } from "./groups.ts";
import { readSources, repeated } from "./pictures/sources.ts";
import type { Batch } from "./pipeline/draw.ts";
import { openCheckpoint, standardSize } from "./pipeline/load_model.ts";
import { samplingOf } from "./pipeline/sampling.ts";
import { type ModelFacts, planBatches } from "./plan.ts";
import { type LoraPath, loraPaths } from "./prompts/lora_files.ts";
import { picturePrompts, readPrompts, saysPrompts } from "./prompts/prompter.ts";

/** Draws every picture that is asked for. Throws UserError for what cannot be drawn, Interrupted between two steps. */
export async function genImg(config: GenImgConfig, context: JobContext): Promise<void> {
  const said = saysPrompts(config) || config.imagePath === null ? await readPrompts(config) : null;
  const read = await readSources(config, context.warn);
  const prompts = said ?? picturePrompts(read.paths!);
  const sources = said ? read : repeated(read, config.imagesPerPrompt);
  const file = openCheckpoint(config), facts = drawableOf(config, file);
  let planned: readonly Batch[], loras: readonly LoraPath[];
  try {
    planned = planBatches(config, prompts, sources, facts, context.warn);
    loras = loraPaths(config, lorasOf(planned));
  } catch (error) {
    file.close();
    throw error;
  }
  const drawing = await Drawing.open(config, file, loras, { sources, context });
  try {
    drawing.check(planned);
    prepareOutput(config, context);
    await drawing.draw(planned, context.signal);
  } finally {
    drawing.close();
  }
}

/** What of an opened checkpoint decides what can be drawn. */
export function drawableOf(config: GenImgConfig, file: ModelFile): ModelFacts {
  const { multiple } = file.family.size;
  return { size: standardSize(config, file), multiple, sampling: samplingOf(config, file.marks) };
}

/** What prompts name as <lora:NAME:0.8>. */
export function lorasOf(planned: readonly Batch[]): LoraTag[] {
  return planned.flatMap(({ requests }) => requests[0].settings.loras);
}

export function prepareOutput({ outdir }: GenImgConfig, { log }: JobContext): void {
  Deno.mkdirSync(outdir, { recursive: true });
  removeLeftovers(outdir, (name) => /\.(png|jpe?g|webp)$/i.test(name), log);
}
