/** Prompts that stand for many: `a {red|green} car`, `{2$$a|b|c}`, `{1-2$$ and $$a|b|c}`, `{e$$a|b}` for every one. */

import { UsageError } from "../base/errors.ts";
import { HOW_TO_LIFT, limit } from "../base/limits.ts";

/** The draws that are made, in Python's `random` (an instance of it reproduces sd-scripts). */
export interface RandomChoices {
  /** An integer of low..high, both included. */
  randint(low: number, high: number): number;
  /** `count` different elements in random order. */
  sample<T>(population: readonly T[], count: number): T[];
}

/**
 * What stands between braces. The reference's one expression for a whole prompt takes years on `{|||||||` without an
 * end.
 */
const INSIDE = /^(?:([eE])\$\$)?(?:([\d-]+)\$\$)?(?:([^|]+?)\$\$)?(.+)$/;

/** Prompts that one may stand for. */
const MAX_PROMPTS = 100_000;

interface Variants {
  source: string; // the braces and what is inside
  enumerate: boolean;
  low: number;
  high: number;
  separator: string;
  choices: string[];
}

/**
 * The prompts that `prompt` stands for: itself alone when it has no variants; `repeatCount` random ones when none of its
 * variants is enumerated; else all combinations of the enumerated ones. Source: gen_img.py
 * `handle_dynamic_prompt_variants`.
 */
export function dynamicPrompts(prompt: string, repeatCount: number, random: RandomChoices): string[] {
  const found = findVariants(prompt);
  if (!found.length) return [prompt];
  const choose = (text: string, v: Variants) => {
    const chosen = random.sample(v.choices, random.randint(v.low, v.high));
    return replaceOnce(text, v.source, chosen.join(v.separator));
  };
  if (!found.some((v) => v.enumerate)) {
    return Array.from({ length: repeatCount }, () => found.reduce(choose, prompt));
  }
  refuseFlood(prompt, found.filter((v) => v.enumerate));
  let prompts = [prompt];
  for (const v of found.filter((v) => v.enumerate)) {
    const all: string[] = [];
    for (let n = v.low; n <= v.high; n++) {
      for (const chosen of combinations(v.choices, n)) all.push(chosen.join(v.separator));
    }
    prompts = prompts.flatMap((text) => all.map((chosen) => replaceOnce(text, v.source, chosen)));
  }
  for (const v of found.filter((v) => !v.enumerate)) prompts = prompts.map((text) => choose(text, v));
  return prompts;
}

/** From an opening brace to the next closing one. */
function findVariants(prompt: string): Variants[] {
  const found: Variants[] = [];
  for (let open = prompt.indexOf("{"); open >= 0;) {
    const close = prompt.indexOf("}", open);
    if (close < 0) break;
    const match = INSIDE.exec(prompt.slice(open + 1, close));
    if (match) found.push(readVariants(prompt.slice(open, close + 1), match));
    open = prompt.indexOf("{", close);
  }
  return found;
}

/** Throws UsageError where the combinations would be more than anybody draws. */
function refuseFlood(prompt: string, enumerated: readonly Variants[]): void {
  const ways = ({ low, high, choices: { length } }: Variants) => {
    let sum = 0;
    for (let n = low; n <= high; n++) sum += binomial(length, n);
    return sum;
  };
  const count = enumerated.reduce((product, v) => product * ways(v), 1);
  if (count <= limit(MAX_PROMPTS)) return;
  const start = prompt.length > 60 ? `${prompt.slice(0, 60)}...` : prompt;
  throw new UsageError(
    `prompt "${start}" stands for ${
      count.toPrecision(3)
    } prompts, at most ${MAX_PROMPTS} are made; ${HOW_TO_LIFT}`,
  );
}

function binomial(n: number, k: number): number {
  let product = 1;
  for (let i = 1; i <= Math.min(k, n - k); i++) product *= (n - i + 1) / i;
  return product;
}

function readVariants(source: string, [, enumerate, counts, separator, inside]: RegExpMatchArray): Variants {
  const choices = inside.split("|");
  let [low, high] = [1, 1];
  const range = counts?.split("-");
  if (range && range.length <= 2 && range.every((n) => n !== "")) {
    [low, high] = [Number(range[0]), Number(range[range.length - 1])];
    if (low > high) [low, high] = [high, low];
    high = Math.min(high, choices.length);
    low = Math.min(low, high);
  }
  return {
    source,
    enumerate: enumerate !== undefined,
    low,
    high,
    separator: separator ?? ", ",
    choices,
  };
}

function replaceOnce(text: string, from: string, to: string): string {
  return text.replace(from, () => to); // a function: "$&" in a prompt is text
}

/** All ways of taking `count` elements in their order, first ones first, like Python's itertools.combinations. */
function* combinations<T>(elements: T[], count: number, start = 0): Generator<T[]> {
  if (count === 0) return yield [];
  for (let i = start; i + count <= elements.length; i++) {
    for (const rest of combinations(elements, count - 1, i + 1)) yield [elements[i], ...rest];
  }
}
