/** One line of prompt with its options, as gen_img reads it: `a cat --n blurry --w 512 --s 20 --d 1`. */

import { UsageError } from "../../base/errors.ts";
import type { DeepShrink } from "../techniques/deep_shrink.ts";
import { type GradualLatent, unsharpOf } from "../techniques/gradual_latent.ts";

/** What a line says; absent where it says nothing. */
export interface PromptLine {
  prompt: string;
  /** --n */
  negativePrompt?: string;
  /** --w and --h, pixels */
  width?: number;
  height?: number;
  /** --ow, --oh, --nw, --nh, --ct, --cl: SDXL's size conditioning. */
  originalWidth?: number;
  originalHeight?: number;
  originalWidthNegative?: number;
  originalHeightNegative?: number;
  cropTop?: number;
  cropLeft?: number;
  /** --s, held within 1 to 1000 */
  steps?: number;
  /** --d: one seed for each picture, the last one for all that follow. */
  seeds?: number[];
  /** --l */
  scale?: number;
  /** --t */
  strength?: number;
  /** --am: a multiplier for each network, the last one for all that follow. */
  networkMultipliers?: number[];
  /** --nl; null switches the command line's off. */
  negativeScale?: number | null;
  /** --dsd1, --dst1, --dsd2, --dst2, --dsr */
  deepShrink?: Partial<DeepShrink>;
  /** --glt, --glr, --gle, --gls, --glsn, --glus */
  gradualLatent?: Partial<GradualLatent>;
  /** --c: only written into the picture. */
  clipPrompt?: string;
  /** --f */
  fileName?: string;
  /** Options that nobody knows, as written. */
  unknown?: string[];
  /** Known options whose value is none, as written. */
  unreadable?: string[];
  /** Options that stand there more than once; the last one counts. */
  repeated?: string[];
}

type Read = (line: PromptLine, value: string) => void;

const SIZES = {
  w: "width",
  h: "height",
  ow: "originalWidth",
  oh: "originalHeight",
  nw: "originalWidthNegative",
  nh: "originalHeightNegative",
  ct: "cropTop",
  cl: "cropLeft",
} as const;

/** Name, the part of the value that counts (what follows it is ignored, as in the reference), and what to do with it. */
const OPTIONS: readonly [string, RegExp, Read][] = [
  ...Object.entries(SIZES).map(([name, field]): [string, RegExp, Read] => [
    name,
    /^\d+/,
    (line, value) => line[field] = Number(value),
  ]),
  ["s", /^\d+/, (line, value) => line.steps = Math.max(1, Math.min(1000, Number(value)))],
  ["d", /^[\d,]+/, (line, value) => line.seeds = list(value).map(seed)],
  ["l", /^[\d.]+/, (line, value) => line.scale = number(value)],
  ["t", /^[\d.]+/, (line, value) => line.strength = share(value)],
  ["n", /^.+/, (line, value) => line.negativePrompt = value],
  ["c", /^.+/, (line, value) => line.clipPrompt = value],
  ["am", /^[\d.,-]+/, (line, value) => line.networkMultipliers = list(value).map(number)],
  ["f", /^.+/, (line, value) => line.fileName = value],
  ["nl", /^([\d.]+|none)/i, (line, value) => {
    line.negativeScale = value.toLowerCase() === "none" ? null : number(value);
  }],
  ...shrinking("dsd1", "depth1"),
  ...shrinking("dst1", "timesteps1"),
  ...shrinking("dsd2", "depth2"),
  ...shrinking("dst2", "timesteps2"),
  ...shrinking("dsr", "ratio", number),
  ...growing("glt", "timesteps"),
  ...growing("glr", "ratio", number),
  ...growing("gle", "everyNSteps"),
  ...growing("gls", "ratioStep", number),
  ...growing("glsn", "sNoise", number),
  ["glus", /^[\d.,-]+/, (line, value) => {
    line.gradualLatent = { ...line.gradualLatent, unsharp: unsharpOf(value) };
  }],
];

function shrinking(name: string, field: keyof DeepShrink, read = whole): [string, RegExp, Read][] {
  return [[name, /^[\d.]+/, (line, value) => line.deepShrink = { ...line.deepShrink, [field]: read(value) }]];
}

function growing(
  name: string,
  field: Exclude<keyof GradualLatent, "unsharp">,
  read = whole,
): [string, RegExp, Read][] {
  return [[
    name,
    /^[\d.]+/,
    (line, value) => line.gradualLatent = { ...line.gradualLatent, [field]: read(value) },
  ]];
}

/** Splits a line at " --". Throws UsageError for values that are no numbers. */
export function parsePromptLine(text: string): PromptLine {
  const [prompt, ...options] = text.trim().split(" --");
  const line: PromptLine = { prompt }, given = new Set<string>();
  for (const option of options) {
    const found = OPTIONS.find(([name, value]) => {
      const start = name.length + 1;
      return option.slice(0, start).toLowerCase() === `${name} ` && value.test(option.slice(start));
    });
    if (!found) {
      const known = OPTIONS.some(([name]) => option.toLowerCase().split(" ")[0] === name);
      (known ? line.unreadable ??= [] : line.unknown ??= []).push(`--${option}`);
      continue;
    }
    const [name, pattern, read] = found;
    if (given.has(name)) (line.repeated ??= []).push(`--${name}`);
    given.add(name);
    try {
      read(line, option.slice(name.length + 1).match(pattern)![0]);
    } catch (cause) {
      throw new UsageError(`prompt option --${option}: ${(cause as Error).message}`, { cause });
    }
  }
  return line;
}

/** The lines of a prompt file that are prompts. */
export function promptLines(text: string): string[] {
  return text.split(/\r\n|\r|\n/).filter(isPrompt);
}

/** Empty lines are none, and those that begin with # are comments. */
export function isPrompt(line: string): boolean {
  return line.trim() !== "" && !line.startsWith("#");
}

function list(text: string): string[] {
  return text.split(",");
}

function whole(text: string): number {
  const value = number(text);
  if (!Number.isInteger(value)) throw new SyntaxError(`"${text}" is no whole number`);
  return value;
}

function number(text: string): number {
  const value = text === "" ? NaN : Number(text);
  if (Number.isNaN(value)) throw new SyntaxError(`"${text}" is not a number`);
  return value;
}

function share(text: string): number {
  const value = number(text);
  if (value > 1) throw new SyntaxError(`"${text}" is not between 0 and 1`);
  return value;
}

/** Of larger seeds PyTorch's generator uses the low 32 bits. */
function seed(text: string): number {
  if (text === "") throw new SyntaxError("a seed is missing");
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : Number(BigInt.asUintN(32, BigInt(text)));
}
