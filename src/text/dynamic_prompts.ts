/** Prompts that stand for many: `a {red|green} car`, `{2$$a|b|c}`, `{1-2$$ and $$a|b|c}`, `{e$$a|b}` for every one. */

/** The draws that are made, in Python's `random` (an instance of it reproduces sd-scripts). */
export interface RandomChoices {
  /** An integer of low..high, both included. */
  randint(low: number, high: number): number;
  /** `count` different elements in random order. */
  sample<T>(population: readonly T[], count: number): T[];
}

const VARIANTS = /\{((e|E)\$\$)?(([\d-]+)\$\$)?(([^|}]+?)\$\$)?(.+?((\|).+?)*?)\}/g;

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
  const found = [...prompt.matchAll(VARIANTS)].map(readVariants);
  if (!found.length) return [prompt];
  const choose = (text: string, v: Variants) => {
    const chosen = random.sample(v.choices, random.randint(v.low, v.high));
    return replaceOnce(text, v.source, chosen.join(v.separator));
  };
  if (!found.some((v) => v.enumerate)) {
    return Array.from({ length: repeatCount }, () => found.reduce(choose, prompt));
  }
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

function readVariants(match: RegExpMatchArray): Variants {
  const choices = match[7].split("|");
  let [low, high] = [1, 1];
  const range = match[4]?.split("-");
  if (range && range.length <= 2 && range.every((n) => n !== "")) {
    [low, high] = [Number(range[0]), Number(range[range.length - 1])];
    if (low > high) [low, high] = [high, low];
    high = Math.min(high, choices.length);
    low = Math.min(low, high);
  }
  return {
    source: match[0],
    enumerate: match[2] !== undefined,
    low,
    high,
    separator: match[6] ?? ", ",
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
