/** --sample_prompts: a text file with a prompt a line, or TOML or JSON with a table for each. */

import { parse as parseToml } from "smol-toml";
import { UserError } from "../base/errors.ts";
import { samplerProblem } from "./schedulers/mod.ts";

/** One picture to draw during training. */
export interface SamplePrompt {
  readonly prompt: string;
  readonly negativePrompt: string;
  /** Pixels; rounded down to multiples of 8 when drawn, 64 at least. */
  readonly width: number;
  readonly height: number;
  readonly steps: number;
  readonly scale: number;
  /** Null draws another picture each time. */
  readonly seed: number | null;
  /** Null takes --sample_sampler. */
  readonly sampler: string | null;
}

const DEFAULTS: SamplePrompt = {
  prompt: "",
  negativePrompt: "",
  width: 512,
  height: 512,
  steps: 30,
  scale: 7.5,
  seed: null,
  sampler: null,
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
];

/** `a cat --n blurry --w 512 --h 512 --d 1 --l 7.5 --s 28 --ss euler_a`. Unknown options are passed over. */
export function parseSampleLine(line: string): SamplePrompt {
  const [prompt, ...options] = line.split(" --");
  const out: Mutable = { ...DEFAULTS, prompt };
  for (const option of options) {
    if (/^cn /i.test(option)) {
      throw new UserError("sample prompt option --cn (ControlNet) is not supported yet");
    }
    for (const [pattern, read] of OPTIONS) {
      const match = option.match(pattern);
      if (!match) continue;
      read(out, match[1]);
      break;
    }
  }
  return checked(out, line);
}

/** Reads a prompt file by its ending. Throws UserError for what is no such file. */
export function readSamplePrompts(path: string): SamplePrompt[] {
  let text: string;
  try {
    text = Deno.readTextFileSync(path);
  } catch (cause) {
    throw new UserError(`${path}: cannot be read; --sample_prompts takes a .txt, .toml or .json file`, {
      cause,
    });
  }
  if (path.endsWith(".txt")) {
    const lines = text.split(/\r\n|\r|\n/).filter((line) => line.trim() !== "" && !line.startsWith("#"));
    return lines.map((line) => parseSampleLine(line.trim()));
  }
  try {
    if (path.endsWith(".toml")) return fromToml(parseToml(text));
    if (path.endsWith(".json")) return fromList(JSON.parse(text));
  } catch (cause) {
    if (cause instanceof UserError) throw new UserError(`${path}: ${cause.message}`, { cause });
    throw new UserError(`${path}: ${(cause as Error).message.split("\n")[0]}`, { cause });
  }
  throw new UserError(`${path}: --sample_prompts takes a .txt, .toml or .json file`);
}

/** [prompt] holds what all have in common, [[prompt.subset]] each one. */
function fromToml(table: Record<string, unknown>): SamplePrompt[] {
  const { subset, ...common } = (table.prompt ?? {}) as Record<string, unknown>;
  if (!Array.isArray(subset)) throw new UserError("has no [[prompt.subset]]");
  return subset.map((entry) => fromTable({ ...common, ...entry }));
}

function fromList(list: unknown): SamplePrompt[] {
  if (!Array.isArray(list)) throw new UserError("is no list of prompts");
  return list.map((entry) => typeof entry === "string" ? parseSampleLine(entry) : fromTable(entry));
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
};

function fromTable(table: Record<string, unknown>): SamplePrompt {
  const out: Record<string, unknown> = { ...DEFAULTS };
  for (const [key, value] of Object.entries(table)) {
    if (key === "controlnet_image") throw new UserError("controlnet_image is not supported yet");
    if (!Object.hasOwn(FIELDS, key)) {
      throw new UserError(
        `${key} is no entry of a sample prompt; there are ${Object.keys(FIELDS).join(", ")}`,
      );
    }
    const [field, type] = FIELDS[key];
    const found = typeof value;
    if (found !== type) throw new UserError(`${key} = ${JSON.stringify(value)} is no ${type}`);
    out[field] = value;
  }
  return checked(out as unknown as SamplePrompt, String(table.prompt ?? ""));
}

function checked(prompt: SamplePrompt, line: string): SamplePrompt {
  const problem = prompt.sampler === null ? null : samplerProblem(prompt.sampler);
  if (problem) throw new UserError(`sample prompt "${line}": ${problem}`);
  for (const field of ["width", "height", "steps", "scale"] as const) {
    if (!(prompt[field] > 0)) {
      throw new UserError(`sample prompt "${line}": ${field} ${prompt[field]} is not above 0`);
    }
  }
  return prompt;
}
