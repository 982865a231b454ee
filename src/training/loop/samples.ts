/** Pictures drawn from prompts while training goes on. What cannot be drawn is told and never stops the training. */
import { dirname, join } from "node:path";
import { atomicWriteFile } from "../../base/files/atomic.ts";
import type { JobContext } from "../../base/job.ts";
import type { DatasetGroup } from "../../data/mod.ts";
import { probeSize } from "../../images/load.ts";
import { encodePng } from "../../images/png_file.ts";
import { stamp } from "../../generation/pictures/file_names.ts";
import type { Family } from "../../models/mod.ts";
import type { DrawingModel } from "../../generation/pipeline/model.ts";
import { Pipeline } from "../../generation/pipeline/pipeline.ts";
import { toBytes } from "../../generation/pictures/pixels.ts";
import {
  checkSample,
  drawSample,
  sampleConditioner,
  sampleMemory,
  type SampleOptions,
} from "../../generation/sample.ts";
import {
  readSamplePrompts,
  type SamplePrompt,
  withoutLoraTags,
} from "../../generation/prompts/sample_prompt.ts";
import type { Prediction } from "../../generation/samplers/mod.ts";
import type { OutputConfig, PlaceConfig } from "../options.ts";

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
  & Pick<PlaceConfig, "compat">
  & {
    readonly vParameterization: boolean;
    readonly zeroTerminalSnr: boolean;
    readonly clipSkip: number | null;
  };

/** When pictures are drawn. */
export interface SampleMoment {
  /** From 1, at the end of an epoch; 0 before the first; null after a step. */
  readonly epoch: number | null;
  /** Steps done. */
  readonly step: number;
}

const TASK = "drawing samples";

/** What a prompt that names no size gets: the training's, of several the largest; under --compat the reference's. */
export function sampleSize(
  { datasets }: Pick<DatasetGroup, "datasets">,
  { compat }: Pick<PlaceConfig, "compat">,
): SampleOptions["size"] {
  if (compat !== null) return { width: 512, height: 512 };
  // metadata with sizes needs no resolution
  const sizes = datasets.flatMap(({ params, buckets }) =>
    params.resolution ? [params.resolution] : buckets.map(({ size }) => size)
  );
  const [width, height] = sizes.reduce((a, b) => b[0] * b[1] > a[0] * a[1] ? b : a);
  return { width, height };
}

export class SamplePictures {
  readonly #told = new Set<string>();

  private constructor(
    private readonly config: SampleConfig & { readonly samplePrompts: string },
    private readonly size: SampleOptions["size"],
    private readonly family: Family,
    private readonly context: JobContext,
  ) {}

  /**
   * Reads the prompts and tells which of them cannot be drawn; null where none are wanted. `size` is for those that say
   * none. Throws UserError for a file that holds no prompts.
   */
  static open(
    config: SampleConfig,
    size: SampleOptions["size"],
    family: Family,
    context: JobContext,
  ): SamplePictures | null {
    const { samplePrompts } = config;
    if (samplePrompts === null) return null;
    const samples = new SamplePictures({ ...config, samplePrompts }, size, family, context);
    samples.#read();
    return samples;
  }

  due({ epoch, step }: SampleMoment): boolean {
    const { sampleAtFirst, sampleEveryNEpochs, sampleEveryNSteps } = this.config;
    if (step === 0) return sampleAtFirst;
    if (sampleEveryNEpochs !== null) return epoch !== null && epoch % sampleEveryNEpochs === 0;
    return epoch === null && sampleEveryNSteps !== null && step % sampleEveryNSteps === 0;
  }

  /** What drawing with the model will take; null where no picture is ever due. */
  memory(model: DrawingModel): { arenaBytes: number; missingBytes: number } | null {
    const { sampleAtFirst, sampleEveryNEpochs, sampleEveryNSteps } = this.config;
    if (!sampleAtFirst && sampleEveryNEpochs === null && sampleEveryNSteps === null) return null;
    const prompts = this.#read().map(({ prompt }) => prompt);
    return prompts.length === 0 ? null : sampleMemory(model, prompts, this.size);
  }

  /** Draws every prompt that can be drawn with the model as it is now. */
  async draw(model: DrawingModel, moment: SampleMoment): Promise<void> {
    const { config, context } = this;
    let pipeline: Pipeline | null = null, total = 0;
    try {
      const prompts = this.#read();
      if (prompts.length === 0) return;
      total = prompts.reduce((sum, { prompt }) => sum + prompt.steps, 0);
      context.progress({ task: TASK, step: 0, total });
      pipeline = new Pipeline(model);
      const settings = { clipSkip: config.clipSkip, compat: config.compat !== null };
      const conditioner = await sampleConditioner(pipeline, settings, (text) => this.#tell(text));
      let before = 0;
      for (const [i, { place, prompt }] of prompts.entries()) {
        if (context.signal.aborted) return;
        const note = `picture ${i + 1} of ${prompts.length}: ${shortened(prompt.prompt)}`;
        this.#tellControl(prompt, model);
        if (prompt.image !== null && !pipeline.inpaints) {
          this.#tell(`sample prompt "${prompt.prompt}": --img has no effect: no inpainting model is trained`);
        }
        const observe = (done: number) => context.progress({ task: TASK, step: before + done, total, note });
        try {
          const { width, height, image } = await drawSample(pipeline, conditioner, prompt, {
            ...this.#options(),
            observe: ({ done }) => observe(Math.min(done, prompt.steps)),
          });
          const path = join(config.outputDir, "sample", this.#name(moment, place, prompt.seed));
          Deno.mkdirSync(dirname(path), { recursive: true });
          atomicWriteFile(path, encodePng({ width, height, data: toBytes(image) }));
          context.log(`sample picture: ${path}`);
          const { prompt: text, seed } = prompt, { step } = moment;
          context.emit({ event: "sample", path, prompt: text, seed, width, height, step });
        } catch (error) {
          if (context.signal.aborted) return;
          this.#tell(`sample prompt "${prompt.prompt}" is not drawn: ${(error as Error).message}`);
        }
        before += prompt.steps;
      }
    } catch (error) {
      if (!context.signal.aborted) {
        this.#tell(`sample pictures failed: ${(error as Error).message}; training goes on`);
      }
    } finally {
      pipeline?.destroy();
      if (total > 0) context.progress({ task: TASK, step: total, total });
    }
  }

  /** The file as it is now, so that it may be changed while training goes on. `place` counts every entry. */
  #read(): { place: number; prompt: SamplePrompt }[] {
    const drawable: { place: number; prompt: SamplePrompt }[] = [];
    for (const [place, { prompt, notes }] of readSamplePrompts(this.config.samplePrompts).entries()) {
      for (const note of notes) this.#tell(note);
      if (!prompt) continue;
      const tell = (text: string) => this.#tell(`sample prompt "${prompt.prompt}": ${text}`);
      try {
        checkSample(prompt, this.#options(), this.family);
        if (prompt.controlImage !== null) probeSize(prompt.controlImage);
        if (prompt.image !== null) probeSize(prompt.image);
        const { compat } = this.config;
        drawable.push({ place, prompt: compat === null ? withoutLoraTags(prompt, tell) : prompt });
      } catch (error) {
        tell(`${(error as Error).message}; it is not drawn`);
      }
    }
    if (drawable.length === 0) {
      this.#tell(
        `${this.config.samplePrompts}: holds no prompt that can be drawn; there will be no sample pictures`,
      );
    }
    return drawable;
  }

  /** Says where a prompt and what is trained do not agree about a picture to follow. */
  #tellControl({ prompt, controlImage }: SamplePrompt, { controls }: DrawingModel): void {
    if ((controlImage === null) === (controls === undefined)) return;
    this.#tell(
      `sample prompt "${prompt}": ` +
        (controls
          ? "names no picture to follow (--cn FILE) and is drawn without what is being trained"
          : "--cn has no effect: what is being trained follows no picture"),
    );
  }

  #options(): SampleOptions {
    const { config, size, context: { signal } } = this, { sampleSampler, zeroTerminalSnr } = config;
    const prediction: Prediction = config.vParameterization ? "v_prediction" : "epsilon";
    const compat = config.compat !== null;
    return { sampler: sampleSampler, prediction, zeroTerminalSnr, size, compat, signal };
  }

  #name({ epoch, step }: SampleMoment, place: number, seed: number | null): string {
    const when = epoch === null ? String(step).padStart(6, "0") : `e${String(epoch).padStart(6, "0")}`;
    const parts = [when, String(place).padStart(2, "0"), stamp(new Date()), seed];
    return `${[this.config.outputName, ...parts].filter((part) => part !== null).join("_")}.png`;
  }

  /** A warning, once. */
  #tell(text: string): void {
    if (this.#told.has(text)) return;
    this.#told.add(text);
    this.context.warn(text);
  }
}

function shortened(text: string): string {
  return text.length > 40 ? `${text.slice(0, 39)}…` : text;
}
