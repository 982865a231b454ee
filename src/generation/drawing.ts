/** A model that is open for drawing: batches in, files of pictures out. */

import { basename, join } from "node:path";
import { Interrupted } from "../base/errors.ts";
import { isTaken } from "../base/files/exists.ts";
import type { JobContext } from "../base/job.ts";
import type { Pixels } from "../images/pixels.ts";
import type { ModelFile } from "../models/mod.ts";
import type { GenImgConfig } from "./groups.ts";
import { FileNames } from "./pictures/file_names.ts";
import type { FirstPass } from "./pictures/picture_text.ts";
import { toBytes } from "./pictures/pixels.ts";
import { type ResourceHashes, resourceHashes } from "./pictures/resource_hashes.ts";
import { savePictures } from "./pictures/save.ts";
import type { Sources } from "./pictures/sources.ts";
import { type Batch, drawBatch, type Drawn, type DrawOptions } from "./pipeline/draw.ts";
import { loadDrawingModel, type Loaded } from "./pipeline/load_model.ts";
import { type Bands, bandsOf, BOUNDED } from "./pipeline/parts/bands.ts";
import { Pipeline } from "./pipeline/pipeline.ts";
import { type Sampling, samplingOf } from "./pipeline/sampling.ts";
import { uncommonNoiseOf } from "./pipeline/uncommon_noise.ts";
import type { LoraPath } from "./prompts/lora_files.ts";
import type { PictureRequest } from "./prompts/requests.ts";
import type { TextConditioner } from "./prompts/text_conditioner.ts";
import { wantsGuide } from "./techniques/guidance/flags.ts";
import { drawTwice, firstSettings, type Highres, highresOf } from "./techniques/highres.ts";
import { upscalerFile } from "./techniques/upscaler_flag.ts";
import { openUpscaler, type Upscaler } from "./techniques/upscalers.ts";

/** A model on its device that draws batches and saves their pictures. */
export class Drawing {
  readonly #ended = new AbortController();
  readonly #hashes: Promise<ResourceHashes>;
  /** The first picture of the batch before: what guidance goes by where no picture is given. */
  #previous: Pixels | null = null;

  private constructor(
    private readonly config: GenImgConfig,
    private readonly context: JobContext,
    private readonly sampling: Sampling,
    private readonly loaded: Loaded,
    private readonly pipeline: Pipeline,
    private readonly conditioner: TextConditioner,
    private readonly names: FileNames,
    private readonly upscaler: Upscaler | null,
  ) {
    const signal = AbortSignal.any([context.signal, this.#ended.signal]);
    this.#hashes = resourceHashes(config, signal, context.warn);
  }

  /** Closes the checkpoint, at the end or when this fails. `names`: those that pictures have got already. */
  static async open(
    config: GenImgConfig,
    file: ModelFile,
    loras: readonly LoraPath[],
    { sources, context, names = namesIn(config) }: {
      sources: Sources;
      context: JobContext;
      names?: FileNames;
    },
  ): Promise<Drawing> {
    const sampling = samplingOf(config, file.marks);
    const loaded = await loadDrawingModel(config, file, loras, sources.regions, context);
    const pipeline = new Pipeline(loaded.model, bandsFor(config));
    try {
      const conditioner = await pipeline.conditioner({
        clipSkip: config.clipSkip,
        normalization: config.embNormalizeMode,
        maxChunks: config.maxEmbeddingsMultiples ?? 1,
        knowsBreak: true,
        padWithEos: false,
      }, context.warn);
      const path = upscalerFile(config),
        upscaler = path === null ? null : openUpscaler(path, pipeline, config.compat !== null);
      return new Drawing(config, context, sampling, loaded, pipeline, conditioner, names, upscaler);
    } catch (error) {
      pipeline.destroy();
      loaded.close();
      throw error;
    }
  }

  /** Throws UserError where networks cannot be as a prompt wants them. */
  check(planned: readonly Batch[]): void {
    for (const { requests } of planned) this.loaded.networks.used(requests[0].settings);
  }

  async draw(planned: readonly Batch[], signal: AbortSignal): Promise<void> {
    const { config, context, sampling, pipeline, conditioner, names, upscaler } = this;
    const { model, networks, controls, seen, pulls, device } = this.loaded, highres = highresOf(config);
    const total = planned.reduce((sum, batch) => sum + batch.requests[0].settings.steps, 0);
    const pictures = planned.reduce((sum, batch) => sum + batch.requests.length, 0);
    context.emit({ event: "plan", task: "drawing", steps: total, pictures });
    let before = 0, note: string | undefined;
    for (const batch of planned) {
      if (signal.aborted) throw new Interrupted("interrupted while drawing");
      const { settings } = batch.requests[0], { steps } = settings;
      const options: DrawOptions = {
        sampler: config.sampler,
        sampling,
        networks: networks.inputs(settings),
        controls,
        seen,
        pulls,
        uncommon: uncommonNoiseOf(config),
        vaeBatch: vaeBatch(config, batch.requests.length),
        signal,
        observe: ({ done, total: evaluations }) => {
          const step = before + Math.floor(done / evaluations * steps);
          context.progress({ task: "drawing", step, total, memory: device.peakBytes, note });
        },
      };
      const began = performance.now();
      const passes = await drawPasses(pipeline, conditioner, this.#guided(batch), options, highres, upscaler);
      this.#previous = firstPicture(passes.at(-1)!.drawn);
      before += steps;
      const seconds = Math.round(performance.now() - began) / 1000 / batch.requests.length;
      for (const { drawn, mark, requests, firstPass } of passes) {
        const paths = await savePictures(config, { ...batch, requests }, drawn, {
          names,
          mark,
          firstPass,
          sized: model.family.sizes !== null,
          networks: networks.used(settings),
          hashes: await this.#hashes,
          warn: context.warn,
        });
        for (const [i, path] of paths.entries()) {
          note = basename(path);
          context.log(`wrote ${path}`);
          const { prompt, seed } = requests[i], { width, height } = drawn;
          context.emit({ event: "sample", path, prompt, seed, width, height, seconds });
        }
      }
      context.progress({ task: "drawing", step: before, total, memory: device.peakBytes, note });
    }
  }

  #guided(batch: Batch): Batch {
    const { config } = this, previous = this.#previous;
    if (batch.guides || !previous || !wantsGuide(config)) return batch;
    return { ...batch, guides: batch.requests.map(() => [previous]) };
  }

  close(): void {
    this.#ended.abort();
    this.pipeline.destroy();
    this.loaded.close();
  }
}

/** Names for pictures, of which those that the folder has already are taken. */
export function namesIn({ outdir }: GenImgConfig): FileNames {
  return new FileNames((name) => isTaken(join(outdir, name)));
}

function firstPicture({ images: [image], width, height }: Drawn): Pixels {
  return { width, height, channels: 3, data: toBytes(image) };
}

/** What is drawn of a batch that is saved: one set of pictures, or also that of the first pass. `mark` goes into names. */
interface Pass {
  readonly drawn: Drawn;
  readonly mark: string;
  readonly requests: readonly PictureRequest[];
  readonly firstPass?: FirstPass;
}

async function drawPasses(
  pipeline: Pipeline,
  conditioner: TextConditioner,
  batch: Batch,
  options: DrawOptions,
  highres: Highres | null,
  upscaler: Upscaler | null,
): Promise<Pass[]> {
  const { requests } = batch;
  if (!highres) {
    return [{ drawn: await drawBatch(pipeline, conditioner, batch, options), mark: "", requests }];
  }
  const { first, second } = await drawTwice(pipeline, conditioner, batch, options, highres, upscaler);
  const small = requests.map((request) => ({
    ...request,
    fileName: null,
    settings: firstSettings(request.settings, highres),
  }));
  const { width, height } = first, name = upscaler?.name ?? (highres.latents ? "Latent" : "Lanczos");
  const firstPass = { width, height, steps: highres.steps, upscaler: name };
  const last = { drawn: second, mark: "1", requests, firstPass };
  return highres.keepFirst ? [{ drawn: first, mark: "0", requests: small }, last] : [last];
}

/** In what parts pictures go through the autoencoder. */
function bandsFor({ vaeTiling, vaeSlices }: GenImgConfig): Bands | null {
  if (vaeTiling) return BOUNDED;
  return vaeSlices !== null && vaeSlices > 1 ? bandsOf(vaeSlices) : null;
}

function vaeBatch({ vaeBatchSize }: GenImgConfig, batch: number): number {
  if (vaeBatchSize === null) return 1;
  return Math.max(1, Math.floor(vaeBatchSize >= 1 ? vaeBatchSize : batch * vaeBatchSize));
}
