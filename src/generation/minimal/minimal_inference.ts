/** sdxl_minimal_inference: one picture of an SDXL model, or one for each prompt that the console gives. */

import { join } from "node:path";
import { UserError } from "../../base/errors.ts";
import { atomicWriteFile } from "../../base/files/atomic.ts";
import { isFile } from "../../base/files/exists.ts";
import type { JobContext } from "../../base/job.ts";
import { encodePng } from "../../images/png_file.ts";
import { checkFlags } from "../../models/mod.ts";
import { withDefaults } from "../../options/mod.ts";
import { type GenImgConfig, genImgGroups } from "../groups.ts";
import { stamp } from "../pictures/file_names.ts";
import { pictureTexts } from "../pictures/picture_text.ts";
import { toBytes } from "../pictures/pixels.ts";
import { resourceHashes } from "../pictures/resource_hashes.ts";
import { drawBatch } from "../pipeline/draw.ts";
import { loadDrawingModel, openCheckpoint } from "../pipeline/load_model.ts";
import { Pipeline } from "../pipeline/pipeline.ts";
import { samplingOf } from "../pipeline/sampling.ts";
import { checkSize } from "../pipeline/sizes.ts";
import { loraPaths } from "../prompts/lora_files.ts";
import type { PictureRequest } from "../prompts/requests.ts";
import { readLoraWeight } from "./loras.ts";
import type { MinimalConfig } from "./options.ts";

/** Asks for a line on the console; null when there are no more. */
export type Ask = (question: string) => Promise<string | null>;

/** What one picture is drawn from. */
interface Wish {
  readonly prompt: string;
  /** What the second text encoder reads. */
  readonly prompt2: string;
  readonly negativePrompt: string;
  /** Null leaves it to chance. */
  readonly seed: number | null;
}

/** Throws UserError for what cannot be drawn, Interrupted between two steps. */
export async function minimalInference(values: MinimalConfig, context: JobContext, ask: Ask): Promise<void> {
  const config = asGenImg(values), file = openCheckpoint(config);
  const size = { width: values.W, height: values.H };
  let sampling;
  try {
    checkFlags(file.family, { sdxl: true }, values.ckptPath, { command: "take gen_img" });
    checkSize(size, file.family.size.multiple);
    sampling = samplingOf(config, file.marks);
  } catch (error) {
    file.close();
    throw error;
  }
  const loaded = await loadDrawingModel(config, file, loraPaths(config, []), null, context);
  const { model, networks, device } = loaded;
  const pipeline = new Pipeline({ ...model, vaeAttention: true }); // under --compat too: the mistake is gen_img.py's alone
  const ended = new AbortController();
  const hashes = resourceHashes(config, AbortSignal.any([context.signal, ended.signal]), context.warn);
  try {
    const conditioner = await pipeline.conditioner({
      clipSkip: null,
      normalization: "original",
      maxChunks: 1,
      knowsBreak: false,
      knowsWeights: false,
      // the script's second encoder gets what the first one's tokenizer makes
      padWithEos: values.compat !== null,
    }, context.warn);
    Deno.mkdirSync(values.outputDir, { recursive: true });
    let index = 0;
    for await (const wish of wishes(values, ask, context.warn)) {
      const request = requestOf(values, wish, index++), { settings } = request, { steps } = settings;
      const { signal } = context;
      const drawn = await drawBatch(pipeline, conditioner, { requests: [request], images: null }, {
        ...{ sampler: SAMPLER, sampling, signal },
        networks: networks.inputs(settings),
        observe: ({ done, total }) => {
          const step = Math.floor(done / total * steps);
          context.progress({ task: "drawing", step, total: steps, memory: device.peakBytes });
        },
      });
      const { width, height } = drawn, [image] = drawn.images;
      if (!image.every(Number.isFinite)) {
        throw new UserError(
          `the picture for seed ${request.seed} holds values that are no numbers; leave --fp16 away or try --bf16`,
        );
      }
      const texts = pictureTexts({
        ...{
          request,
          width,
          height,
          sampler: SAMPLER,
          sigmas: null,
          clipSkip: 1,
          sized: true,
          strength: null,
        },
        modelName: values.ckptPath.replace(/^.*[/\\]|\.[^./\\]*$/g, ""),
        networks: networks.used(settings),
        hashes: await hashes,
      });
      const path = freePath(values.outputDir);
      atomicWriteFile(path, encodePng({ width, height, data: toBytes(image) }, texts));
      context.log(`wrote ${path}`);
      context.emit({ event: "sample", path, prompt: request.prompt, seed: request.seed, width, height });
    }
  } finally {
    ended.abort();
    pipeline.destroy();
    loaded.close();
  }
}

const SAMPLER = "euler";

/** The flags as gen_img would have them. */
function asGenImg(values: MinimalConfig): GenImgConfig {
  const loras = (values.loraWeights ?? []).map(readLoraWeight);
  return withDefaults(genImgGroups, {
    ...{
      ckpt: values.ckptPath,
      sampler: SAMPLER,
      W: values.W,
      H: values.H,
      compat: values.compat,
    },
    ...{ fp16: values.fp16, bf16: values.bf16, noHalfVae: true },
    ...{ device: values.device, threads: values.threads },
    ...{ vramBudget: values.vramBudget, noVendorLibs: values.noVendorLibs },
    networkWeights: loras.length ? loras.map(({ path }) => path) : null,
    networkMul: loras.map(({ multiplier }) => multiplier),
    networkMerge: true,
  });
}

async function* wishes(
  { interactive, prompt, prompt2, negativePrompt, seed, compat }: MinimalConfig,
  ask: Ask,
  warn: (text: string) => void,
): AsyncGenerator<Wish> {
  // the script reads --prompt2 and then forgets it
  const second = (first: string, other: string | null) => compat === null ? other || first : first;
  if (!interactive) return yield { prompt, prompt2: second(prompt, prompt2), negativePrompt, seed };
  for (let asked = await ask("prompt: "); asked; asked = await ask("prompt: ")) {
    const prompt2 = second(asked, await ask("prompt2: "));
    const negativePrompt = await ask("negative prompt: ") ?? "";
    yield { prompt: asked, prompt2, negativePrompt, seed: await askSeed(ask, warn) };
  }
}

/** Asks again until the answer is a whole number, or empty. */
async function askSeed(ask: Ask, warn: (text: string) => void): Promise<number | null> {
  for (;;) {
    const text = (await ask("seed: "))?.trim() ?? "";
    if (text === "") return null;
    if (Number.isSafeInteger(Number(text))) return Number(text);
    warn(`seed "${text}" is not a whole number; give one, or nothing for one by chance`);
  }
}

function requestOf({ W, H, steps, scale }: MinimalConfig, wish: Wish, index: number): PictureRequest {
  const { prompt, prompt2, negativePrompt } = wish;
  return {
    ...{ index, prompt, words: prompt, secondWords: prompt2, negativePrompt, rawPrompt: prompt },
    seed: wish.seed ?? crypto.getRandomValues(new Uint32Array(1))[0],
    clipPrompt: null,
    fileName: null,
    settings: {
      ...{ width: W, height: H, steps, scale, negativeScale: null, strength: 1 },
      ...{
        originalWidth: null,
        originalHeight: null,
        originalWidthNegative: null,
        originalHeightNegative: null,
      },
      ...{ cropTop: null, cropLeft: null, deepShrink: null, gradualLatent: null, regionParts: null },
      ...{ networkMultipliers: null, loras: [] },
    },
  };
}

/** image_20260131-235959_000.png, with the first number that is free; the script would write over a picture of that second. */
function freePath(folder: string): string {
  const time = stamp(new Date()), name = `image_${time.slice(0, 8)}-${time.slice(8)}_`;
  for (let i = 0;; i++) {
    const path = join(folder, `${name}${String(i).padStart(3, "0")}.png`);
    if (!isFile(path)) return path;
  }
}
