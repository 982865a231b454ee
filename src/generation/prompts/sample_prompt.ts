/** --sample_prompts: a text file with a prompt a line, or TOML or JSON with a table for each. */

import { UserError } from "../../base/errors.ts";
import { readJson } from "../../formats/json.ts";
import { readText } from "../../formats/text_file.ts";
import { plainToml, readToml } from "../../formats/toml.ts";
import { loraTagText, takeLoraTags } from "../../text/mod.ts";
import { promptLines } from "./prompt_line.ts";
import { samplerProblem } from "../samplers/mod.ts";

/** One picture to draw during training. */
export interface SamplePrompt {
  readonly prompt: string;
  readonly negativePrompt: string;
  /** Pixels, rounded down to the model's multiples when drawn, 64 at least; null takes the training's. */
  readonly width: number | null;
  readonly height: number | null;
  readonly steps: number;
  readonly scale: number;
  /** Null draws another picture each time. */
  readonly seed: number | null;
  /** Null takes --sample_sampler. */
  readonly sampler: string | null;
  /** A picture to follow, for what is trained to follow one. */
  readonly controlImage: string | null;
  /** A picture of which an inpainting model draws a random part anew. */
  readonly image: string | null;
}

/** An entry of the file: what is drawn, and what its author should know. */
export interface SampleEntry {
  /** Null where it cannot be drawn; the last note then says why. */
  readonly prompt: SamplePrompt | null;
  readonly notes: readonly string[];
}

const DEFAULTS: SamplePrompt = {
  prompt: "",
  negativePrompt: "",
  width: null,
  height: null,
  steps: 30,
  scale: 7.5,
  seed: null,
  sampler: null,
  controlImage: null,
  image: null,
};

type Mutable = { -readonly [key in keyof SamplePrompt]: SamplePrompt[key] };

/** The number that ends a value, as the reference takes it: what follows is ignored. */
const OPTIONS: readonly [RegExp, (prompt: Mutable, value: string) => void][] = [
  [/^w (\d+)/i, (p, v) => p.width = Number(v)],
  [/^h (\d+)/i, (p, v) => p.height = Number(v)],
  [/^d (\d+)/i, (p, v) => p.seed = Number(v)],
  [/^s (\d+)/i, (p, v) => p.steps = Math.max(1, Math.min(1000, Number(v)))],
  [/^l ([\d.]+)/i, (p, v) => p.scale = Number(v)],
  [/^n (.+)/i, (p, v) => p.negativePrompt = v],
  [/^ss (.+)/i, (p, v) => p.sampler = v.trim()],
  [/^cn (.+)/i, (p, v) => p.controlImage = v.trim()],
  [/^img (.+)/i, (p, v) => p.image = v.trim()],
];

/**
 * `a cat --n blurry --w 512 --h 512 --d 1 --l 7.5 --s 28 --ss euler_a`. Options that nobody knows are noted and left
 * out.
 */
export function parseSampleLine(line: string, note: (text: string) => void = () => {}): SamplePrompt {
  const [prompt, ...options] = line.split(" --");
  const out: Mutable = { ...DEFAULTS, prompt };
  for (const option of options) {
    const known = OPTIONS.find(([pattern]) => pattern.test(option));
    if (known) known[1](out, option.match(known[0])![1]);
    else note(`option --${option} is unknown and left out`);
  }
  return checked(out);
}

/** Reads a prompt file by its ending; entries that cannot be drawn are noted. Throws UserError for what is no such file. */
export function readSamplePrompts(path: string): SampleEntry[] {
  const kind = /\.(txt|toml|json)$/i.exec(path)?.[1].toLowerCase();
  if (kind === undefined) throw new UserError(`${path}: --sample_prompts takes a .txt, .toml or .json file`);
  if (kind === "txt") return promptLines(readText(path, REMEDY)).map((line) => lineEntry(line.trim()));
  try {
    if (kind === "toml") return fromToml(plainToml(readToml(path)) as Record<string, unknown>);
    return fromList(readJson(path, REMEDY));
  } catch (cause) {
    if (!(cause instanceof UserError) || cause.message.startsWith(path)) throw cause;
    throw new UserError(`${path}: ${cause.message}`, { cause });
  }
}

const REMEDY = "give --sample_prompts a .txt, .toml or .json file";

/** [prompt] holds what all have in common, [[prompt.subset]] each one. */
function fromToml(table: Record<string, unknown>): SampleEntry[] {
  const { subset, ...common } = (table.prompt ?? {}) as Record<string, unknown>;
  if (!Array.isArray(subset)) throw new UserError("has no [[prompt.subset]]");
  return subset.map((one) => tableEntry({ ...common, ...one }));
}

function fromList(list: unknown): SampleEntry[] {
  if (!Array.isArray(list)) throw new UserError("is no list of prompts");
  return list.map((one) => typeof one === "string" ? lineEntry(one) : tableEntry(one));
}

function lineEntry(line: string): SampleEntry {
  return entry(line, (note) => parseSampleLine(line, note));
}

function tableEntry(table: Record<string, unknown>): SampleEntry {
  return entry(String(table?.prompt ?? JSON.stringify(table)), () => fromTable(table));
}

function entry(text: string, read: (note: (text: string) => void) => SamplePrompt): SampleEntry {
  const notes: string[] = [];
  const note = (line: string) => void notes.push(`sample prompt "${text}": ${line}`);
  try {
    return { prompt: read(note), notes };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    note(`${error.message}; it is not drawn`);
    return { prompt: null, notes };
  }
}

const FIELDS: Readonly<Record<string, [keyof SamplePrompt, "string" | "number"]>> = {
  prompt: ["prompt", "string"],
  negative_prompt: ["negativePrompt", "string"],
  width: ["width", "number"],
  height: ["height", "number"],
  sample_steps: ["steps", "number"],
  scale: ["scale", "number"],
  seed: ["seed", "number"],
  sample_sampler: ["sampler", "string"],
  controlnet_image: ["controlImage", "string"],
};

function fromTable(table: Record<string, unknown>): SamplePrompt {
  if (typeof table !== "object" || table === null || Array.isArray(table)) {
    throw new UserError("is neither a text nor a table");
  }
  const out: Record<string, unknown> = { ...DEFAULTS };
  for (const [key, value] of Object.entries(table)) {
    if (!Object.hasOwn(FIELDS, key)) {
      throw new UserError(
        `${key} is no entry of a sample prompt; there are ${Object.keys(FIELDS).join(", ")}`,
      );
    }
    const [field, type] = FIELDS[key], found = typeof value;
    if (found !== type) throw new UserError(`${key} = ${JSON.stringify(value)} is no ${type}`);
    out[field] = value;
  }
  return checked(out as unknown as SamplePrompt);
}

function checked(prompt: SamplePrompt): SamplePrompt {
  const problem = prompt.sampler === null ? null : samplerProblem(prompt.sampler);
  if (problem) throw new UserError(problem);
  for (const field of ["width", "height", "steps", "scale"] as const) {
    const value = prompt[field];
    if (value !== null && !(value > 0)) throw new UserError(`${field} ${value} is not above 0`);
  }
  for (const field of ["width", "height", "steps", "seed"] as const) {
    const value = prompt[field];
    if (value !== null && !Number.isInteger(value)) {
      throw new UserError(`${field} ${value} is no whole number`);
    }
  }
  return prompt;
}

/** A prompt without <lora:NAME:0.8>: only what is trained is drawn with. Throws UserError for a tag that is none. */
export function withoutLoraTags(prompt: SamplePrompt, note: (text: string) => void): SamplePrompt {
  const words = (text: string) => {
    const { words, tags } = takeLoraTags(text);
    for (const tag of tags) {
      note(`${loraTagText(tag)} is left out; samples are drawn with what is being trained`);
    }
    return words;
  };
  return { ...prompt, prompt: words(prompt.prompt), negativePrompt: words(prompt.negativePrompt) };
}
