/** Captions on their way to the tokenizer: wildcards, shuffling, dropping (sd-scripts 0.9.1, process_caption). */

import type { PythonRandom } from "../../random/mod.ts";

/** The caption options of a subset, by the names of the dataset file. */
export interface CaptionOptions {
  readonly caption_prefix: string | null;
  readonly caption_suffix: string | null;
  readonly caption_dropout_rate: number;
  readonly caption_dropout_every_n_epochs: number;
  readonly enable_wildcard: boolean;
  readonly shuffle_caption: boolean;
  /** Below 1 a share of all steps, else a number of steps. */
  readonly token_warmup_step: number;
  readonly token_warmup_min: number;
  readonly caption_tag_dropout_rate: number;
  readonly keep_tokens: number;
  readonly keep_tokens_separator: string | null;
  readonly caption_separator: string;
  readonly secondary_separator: string | null;
}

/** How far training is. */
export interface Progress {
  readonly epoch: number;
  readonly step: number;
  readonly maxTrainSteps: number;
}

/** A text to find and what replaces it; "" replaces the whole caption, a list is drawn from. */
export type Replacement = readonly [from: string, to: string | readonly string[]];

/**
 * The caption as trained on at this moment. Draws from `random` in the reference's order: dropout (only with a
 * rate), line, wildcards from left to right, shuffle, one draw a tag. A dropped caption is "".
 */
export function processCaption(
  options: CaptionOptions,
  caption: string,
  progress: Progress,
  random: PythonRandom,
  replacements: readonly Replacement[] = [],
): string {
  if (options.caption_prefix) caption = `${options.caption_prefix} ${caption}`;
  if (options.caption_suffix) caption = `${caption} ${options.caption_suffix}`;
  if (isDropped(options, progress, random)) return "";

  caption = options.enable_wildcard ? resolveWildcards(caption, random) : caption.split("\n")[0];
  if (options.shuffle_caption || options.token_warmup_step > 0 || options.caption_tag_dropout_rate > 0) {
    caption = arrangeTokens(options, caption, progress, random);
  }
  if (options.secondary_separator) {
    caption = caption.replaceAll(options.secondary_separator, () => options.caption_separator);
  }
  for (const [from, to] of replacements) {
    if (from === "") caption = typeof to === "string" ? to : random.choice(to);
    else if (typeof to === "string") caption = caption.replaceAll(from, () => to);
  }
  return caption;
}

function isDropped(options: CaptionOptions, { epoch }: Progress, random: PythonRandom): boolean {
  const { caption_dropout_rate: rate, caption_dropout_every_n_epochs: every } = options;
  const dropped = rate > 0 && random.random() < rate;
  return dropped || every > 0 && epoch % every === 0;
}

/** One line of several, then {a|b|c}; {{ and }} stand for braces. */
function resolveWildcards(caption: string, random: PythonRandom): string {
  if (caption.includes("\n")) caption = random.choice(caption.split("\n"));
  let open = "\u2985", close = "\u2986"; // stand-ins for escaped braces, made longer until the caption has none
  while (caption.includes(open) || caption.includes(close)) {
    open += "\u2985";
    close += "\u2986";
  }
  return caption
    .replaceAll("{{", open)
    .replaceAll("}}", close)
    .replace(/\{([^}]+)\}/g, (_, options: string) => random.choice(options.split("|")))
    .replaceAll(open, "{")
    .replaceAll(close, "}");
}

function arrangeTokens(
  options: CaptionOptions,
  caption: string,
  progress: Progress,
  random: PythonRandom,
): string {
  const { fixed, flexible, suffix } = splitTokens(options, caption);
  let tokens = flexible;
  const { token_warmup_min: least, caption_tag_dropout_rate: rate } = options;
  const share = options.token_warmup_step;
  const warmup = share < 1 ? Math.floor(share * progress.maxTrainSteps) : share;
  if (warmup > 0 && progress.step < warmup) {
    // A negative count cuts from the end, as a Python slice does.
    tokens = tokens.slice(0, Math.floor(progress.step * ((tokens.length - least) / warmup)) + least);
  }
  if (options.shuffle_caption) random.shuffle(tokens);
  if (rate > 0) tokens = tokens.filter(() => random.random() >= rate);
  return [...fixed, ...tokens, ...suffix].join(", ");
}

function splitTokens(
  options: CaptionOptions,
  caption: string,
): { fixed: string[]; flexible: string[]; suffix: string[] } {
  const { keep_tokens: keep, keep_tokens_separator: mark, caption_separator: separator } = options;
  const split = (text: string) => text.split(separator).map(strip);
  if (mark && caption.includes(mark)) {
    const [fixed, flexible, suffix = ""] = splitTwice(caption, mark);
    const [a, b, c] = [fixed, flexible, suffix].map((part) => split(part).filter((token) => token !== ""));
    return { fixed: a, flexible: b, suffix: c };
  }
  const tokens = split(strip(caption));
  return keep > 0
    ? { fixed: tokens.slice(0, keep), flexible: tokens.slice(keep), suffix: [] }
    : { fixed: [], flexible: tokens, suffix: [] };
}

/** At most three parts; a third mark stays in the last. */
function splitTwice(text: string, mark: string): string[] {
  const [first, ...rest] = text.split(mark);
  return rest.length < 2 ? [first, ...rest] : [first, rest[0], rest.slice(1).join(mark)];
}

const SPACE = "[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]+";
const EDGES = new RegExp(`^${SPACE}|${SPACE}$`, "g");

/** Python's str.strip(): unlike trim() it leaves U+FEFF and takes the control separators. */
export function strip(text: string): string {
  return text.replace(EDGES, "");
}
