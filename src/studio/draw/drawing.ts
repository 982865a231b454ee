/** What the page asks to be drawn, checked, and the command line that draws it. */

import { UsageError } from "../../base/errors.ts";
import { samplerProblem } from "../../generation/samplers/mod.ts";
import type { Fields } from "../fields.ts";
import { type Folders, Refused } from "../studio.ts";
import { modelSize } from "./model_size.ts";
import type { NewJob } from "./shown.ts";

export interface DrawnLora {
  readonly path: string;
  readonly strength: number;
}

export interface AskedDrawing {
  readonly prompt: string;
  readonly negativePrompt: string;
  readonly width: number;
  readonly height: number;
  /** Of the first picture; the next ones count on. */
  readonly seed: number;
  readonly sampler: string;
  readonly steps: number;
  readonly scale: number;
  /** Null: the model's own. */
  readonly clipSkip: number | null;
  readonly precision: "fp16" | "bf16" | null;
  /** A path, or builtin:NAME. */
  readonly model: string;
  readonly loras: readonly DrawnLora[];
  /** Pictures at once, and how often. */
  readonly batch: number;
  readonly count: number;
  readonly folder: string;
}

/** Least, most, and what is taken where nothing is said; null is the model's own. */
const NUMBERS = {
  width: [64, 16384, null],
  height: [64, 16384, null],
  steps: [1, 1000, 30],
  scale: [0, 100, 7.5],
  batch: [1, 64, 1],
  count: [1, 1000, 1],
} as const;

const MOST_SEED = 2 ** 32 - 1, MOST_LORAS = 32;

/** Checks what a page sent. Throws Refused (400) naming the field, and for paths outside the folders. */
export function drawingOf(fields: Fields, folders: Folders): AskedDrawing {
  const model = modelOf(fields.model, folders), own: Record<string, number> = { ...modelSize(model) };
  const numbers = Object.fromEntries(
    Object.entries(NUMBERS).map(([name, [least, most, usual]]) => [
      name,
      numberOf(fields[name] ?? usual ?? own[name], name, least, most, name !== "scale"),
    ]),
  ) as Record<keyof typeof NUMBERS, number>;
  const prompt = textOf(fields.prompt, "prompt");
  if (prompt === "" || prompt.startsWith("--")) throw new Refused(400, "prompt: say what is to be drawn");
  const sampler = textOf(fields.sampler ?? "ddim", "sampler"), problem = samplerProblem(sampler);
  if (problem) throw new Refused(400, `sampler: ${problem}`);
  const { precision = null, clipSkip = null } = fields;
  if (precision !== null && precision !== "fp16" && precision !== "bf16") {
    throw new Refused(400, "precision: fp16 or bf16, or nothing for float32");
  }
  return {
    ...numbers,
    ...{ prompt, sampler, precision },
    negativePrompt: textOf(fields.negativePrompt ?? "", "negativePrompt"),
    seed: seedOf(fields.seed),
    clipSkip: clipSkip === null ? null : numberOf(clipSkip, "clipSkip", 1, 24, true),
    model,
    loras: lorasOf(fields.loras ?? [], folders),
    folder: folders.inside(textOf(fields.folder ?? "pictures", "folder") || "pictures"),
  };
}

/** One line: options of a prompt end at a line's end. */
function textOf(value: unknown, name: string): string {
  if (typeof value !== "string") throw new Refused(400, `${name}: a text is wanted`);
  if (value.length > 100_000) {
    throw new Refused(400, `${name}: has ${value.length} letters, at most 100000 are taken`);
  }
  // deno-lint-ignore no-control-regex -- they are what is taken out
  return value.replace(/[\x00-\x1f\x7f\u2028\u2029]+/g, " ").trim();
}

/** Throws Refused (400). */
export function numberOf(value: unknown, name: string, least: number, most: number, whole: boolean): number {
  const fits = typeof value === "number" && value >= least && value <= most;
  if (fits && (!whole || Number.isInteger(value))) return value;
  throw new Refused(
    400,
    `${name}: ${JSON.stringify(value)} is no ${whole ? "whole " : ""}number from ${least} to ${most}`,
  );
}

function seedOf(value: unknown): number {
  if (value === undefined || value === null) return crypto.getRandomValues(new Uint32Array(1))[0];
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number;
  throw new Refused(400, `seed: ${JSON.stringify(value)} is no whole number from 0`);
}

function modelOf(value: unknown, folders: Folders): string {
  if (typeof value !== "string" || value === "") throw new Refused(400, "model: choose one");
  return value.startsWith("builtin:") ? value : folders.inside(value);
}

function lorasOf(value: unknown, folders: Folders): DrawnLora[] {
  if (!Array.isArray(value) || value.length > MOST_LORAS) {
    throw new Refused(400, `loras: a list of at most ${MOST_LORAS} is wanted`);
  }
  return value.map(({ path, strength }: Partial<DrawnLora>) => {
    if (typeof path !== "string" || path === "") throw new Refused(400, "loras: choose a file for each");
    return { path: folders.inside(path), strength: numberOf(strength, "strength", -10, 10, false) };
  });
}

/** The job that draws it. Each picture's seed stands in the prompt, so that any of them can be drawn again alone. */
export function drawingJob(drawing: AskedDrawing): NewJob {
  const { prompt, batch, count, width, height, loras, folder } = drawing;
  const seeds = Array.from({ length: batch * count }, (_, i) => (drawing.seed + i) % (MOST_SEED + 1));
  if (drawing.seed > MOST_SEED) seeds[0] = drawing.seed;
  const args = [
    ...commonArgs(drawing),
    `--prompt=${[prompt, ...negativeOf(drawing), `--d ${seeds.join(",")}`].join(" ")}`,
    ...["--W", String(width), "--H", String(height)],
    ...["--steps", String(drawing.steps), "--scale", String(drawing.scale), "--sampler", drawing.sampler],
    ...["--images_per_prompt", String(batch * count), "--batch_size", String(batch)],
    ...networkArgs(loras),
    ...["--outdir", folder],
  ];
  return { command: "gen_img", args, folder };
}

/** Of every run that draws with these settings. */
export function commonArgs({ model, clipSkip, precision }: AskedDrawing): string[] {
  return [
    ...["--ckpt", model],
    ...(clipSkip === null ? [] : ["--clip_skip", String(clipSkip)]),
    ...(precision === null ? [] : [`--${precision}`]),
  ];
}

export function negativeOf({ negativePrompt }: AskedDrawing): string[] {
  return negativePrompt === "" ? [] : [`--n ${negativePrompt}`];
}

export function networkArgs(loras: readonly DrawnLora[]): string[] {
  if (loras.length === 0) return [];
  return [
    ...["--network_weights", ...loras.map(({ path }) => path)],
    ...["--network_mul", ...loras.map(({ strength }) => plain(strength))],
  ];
}

/** Without an exponent, which prompts do not understand. */
export function plain(value: number): string {
  if (!Number.isFinite(value)) throw new UsageError(`${value} is no number`);
  return value.toFixed(6).replace(/\.?0+$/, "");
}
