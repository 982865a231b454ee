/**
 * From prompts to single pictures with everything decided: sizes, steps, seeds. Seeds are drawn as gen_img.py draws
 * them.
 */

import { UsageError } from "../../base/errors.ts";
import { HOW_TO_LIFT, limit } from "../../base/limits.ts";
import { PythonRandom } from "../../random/mod.ts";
import { dynamicPrompts, type LoraTag, loraTagText, takeLoraTags } from "../../text/mod.ts";
import type { GenImgConfig } from "../groups.ts";
import { type Ways, waysOf } from "./ways.ts";
import type { DeepShrink } from "../techniques/deep_shrink.ts";
import type { GradualLatent } from "../techniques/gradual_latent.ts";
import { parsePromptLine, type PromptLine } from "./prompt_line.ts";

/** The size of a picture, and SDXL's size conditioning. */
export interface SizeSettings {
  readonly width: number;
  readonly height: number;
  /** SDXL's size conditioning; null takes the picture's own. */
  readonly originalWidth: number | null;
  readonly originalHeight: number | null;
  readonly originalWidthNegative: number | null;
  readonly originalHeightNegative: number | null;
  readonly cropTop: number | null;
  readonly cropLeft: number | null;
}

/** What stands between the parts of a prompt that have regions. */
export const AND = " AND ";

/** What pictures drawn in one batch have in common. */
export interface Settings extends SizeSettings {
  readonly steps: number;
  readonly scale: number;
  /** The negative prompt's own scale, both counted from an empty prompt; null: the ordinary guidance. */
  readonly negativeScale: number | null;
  readonly deepShrink: DeepShrink | null;
  readonly gradualLatent: GradualLatent | null;
  /** How many parts joined by AND the prompt has, where networks have regions; else null. */
  readonly regionParts: number | null;
  /** Image to image: 0 keeps the picture, 1 forgets it. */
  readonly strength: number;
  /** One for each network; null takes the command line's. */
  readonly networkMultipliers: readonly number[] | null;
  /** What <lora:NAME:0.8> in the prompt asks for. */
  readonly loras: readonly LoraTag[];
}

export interface PictureRequest {
  /** Counts the pictures of the run from 0. */
  readonly index: number;
  /** As written, without options. */
  readonly prompt: string;
  /** The prompt without tags: what the text encoders read. */
  readonly words: string;
  /** What the second of them reads where that is something else. */
  readonly secondWords?: string;
  readonly negativePrompt: string;
  readonly seed: number;
  readonly clipPrompt: string | null;
  /** The line as written, after dynamic prompts were chosen. */
  readonly rawPrompt: string;
  readonly fileName: string | null;
  readonly settings: Settings;
}

const MAX_SEED = 2 ** 32 - 1;

/** All pictures of a run are settled before the first is drawn. */
const MAX_PICTURES = 100_000;

function refuseFlood(pictures: number): void {
  if (pictures <= limit(MAX_PICTURES)) return;
  throw new UsageError(
    `${pictures} pictures are asked for, at most ${MAX_PICTURES} are drawn at a time; ${HOW_TO_LIFT}`,
  );
}

/**
 * All pictures of a run, lazily. `prompts` come from the file (`fromFile`) or the flag. `size` is the default.
 * The seeds: --d as written; with one prompt in a file and one picture --seed itself; else a Python random seeded by
 * --seed draws one for each picture, or for each iteration with --iter_same_seed.
 */
export function* pictureRequests(
  config: GenImgConfig,
  prompts: readonly string[],
  size: { width: number; height: number },
  warn: (text: string) => void = () => {},
): Generator<PictureRequest> {
  refuseFlood(prompts.length * config.nIter * config.imagesPerPrompt);
  const seedItself = config.fromFile !== null && prompts.length === 1 && config.imagesPerPrompt === 1;
  const maker = new RequestMaker(config, size, warn, { seedItself }), lines = [...prompts];
  for (let iteration = 0; iteration < config.nIter; iteration++) {
    maker.beginIteration();
    if (config.shufflePrompts) maker.choices.shuffle(lines);
    for (const raw of lines) yield* maker.ofLine(raw);
  }
}

/** Makes requests of prompt lines, one after the other, with the random numbers of a run. */
export class RequestMaker {
  readonly choices: PythonRandom;
  readonly #drawSeed: () => number;
  readonly #ownWays: Ways;
  #iterationSeed: number | null = null;
  #ways: Ways;
  #index = 0;

  constructor(
    private readonly config: GenImgConfig,
    private readonly size: { width: number; height: number },
    private readonly warn: (text: string) => void,
    { seedItself }: { seedItself: boolean },
  ) {
    const own = config.seed ?? crypto.getRandomValues(new Uint32Array(1))[0];
    const seedRandom = new PythonRandom(own), itself = seedItself && config.seed !== null;
    this.#drawSeed = () => itself ? own : seedRandom.randint(0, MAX_SEED);
    // The reference leaves these to chance; here they depend on --seed too.
    this.choices = new PythonRandom(own);
    this.#ways = this.#ownWays = waysOf(config);
  }

  beginIteration(): void {
    this.#iterationSeed = this.config.iterSameSeed ? this.#drawSeed() : null;
  }

  *ofLine(raw: string): Generator<PictureRequest> {
    const { config, size, warn } = this;
    // to the reference they are words
    const taken = (text: string) => config.compat === null ? takeLoraTags(text) : { words: text, tags: [] };
    const variants = dynamicPrompts(raw, config.imagesPerPrompt, this.choices);
    const count = variants.length === 1 ? config.imagesPerPrompt : variants.length;
    let line: PromptLine | undefined, words = "", negativePrompt = "", loras: readonly LoraTag[] = [];
    let seeds: number[] = [], lastSeed: number | null = null;
    for (let i = 0; i < count; i++) {
      const rawPrompt = variants.length === 1 ? variants[0] : variants[i];
      if (!line || variants.length > 1) {
        line = parsePromptLine(rawPrompt);
        line.unknown?.forEach((option) => warn(`prompt option ${option} is unknown and left out`));
        line.unreadable?.forEach((option) =>
          warn(`prompt option ${option}: that is no value for it; it is left out`)
        );
        line.repeated?.forEach((option) =>
          warn(`prompt option ${option} stands there twice; the last one counts`)
        );
        const scale = line.scale ?? config.scale;
        if (line.negativeScale != null && scale <= 1) {
          warn(`prompt option --nl does nothing at a scale of ${scale}; with --l above 1 it does`);
        }
        ({ words, tags: loras } = taken(line.prompt));
        const negative = taken(line.negativePrompt ?? "");
        negative.tags.forEach((tag) =>
          warn(`${loraTagText(tag)} in a negative prompt does nothing and is left out`)
        );
        negativePrompt = negative.words;
        seeds = [...line.seeds ?? []];
        lastSeed = null;
        // the reference's U-Net keeps what a prompt has set
        this.#ways = waysOf(config, line, config.compat === null ? this.#ownWays : this.#ways);
      }
      lastSeed = seeds.shift() ?? (line.seeds ? lastSeed : this.#iterationSeed) ?? this.#drawSeed();
      refuseFlood(this.#index + 1);
      yield {
        index: this.#index++,
        prompt: line.prompt,
        words,
        negativePrompt,
        seed: lastSeed,
        clipPrompt: line.clipPrompt ?? null,
        rawPrompt,
        fileName: i === 0 || variants.length > 1 ? line.fileName ?? null : null,
        settings: { ...settingsOf(config, line, size, this.#ways), loras },
      };
    }
  }
}

function settingsOf(
  config: GenImgConfig,
  line: PromptLine,
  size: { width: number; height: number },
  ways: Ways,
): Omit<Settings, "loras"> {
  return {
    width: line.width ?? size.width,
    height: line.height ?? size.height,
    originalWidth: line.originalWidth ?? config.originalWidth,
    originalHeight: line.originalHeight ?? config.originalHeight,
    originalWidthNegative: line.originalWidthNegative ?? config.originalWidthNegative,
    originalHeightNegative: line.originalHeightNegative ?? config.originalHeightNegative,
    cropTop: line.cropTop ?? config.cropTop,
    cropLeft: line.cropLeft ?? config.cropLeft,
    steps: line.steps ?? config.steps,
    scale: line.scale ?? config.scale,
    negativeScale: line.negativeScale === undefined ? config.negativeScale : line.negativeScale,
    ...ways,
    regionParts: null,
    strength: line.strength ?? config.strength ?? 0.8,
    networkMultipliers: line.networkMultipliers ?? null,
  };
}

/** Neighbours with equal settings, at most `size` together. */
export function* batches(requests: Iterable<PictureRequest>, size: number): Generator<PictureRequest[]> {
  let batch: PictureRequest[] = [];
  for (const request of requests) {
    if (batch.length && !sameSettings(batch[0].settings, request.settings)) {
      yield batch;
      batch = [];
    }
    batch.push(request);
    if (batch.length === size) {
      yield batch;
      batch = [];
    }
  }
  if (batch.length) yield batch;
}

function sameSettings(a: Settings, b: Settings): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
