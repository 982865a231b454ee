/** Prompts with weights as token ids, and a weight for every position of the text encoder's output. */

import { CHUNK_LENGTH, type ClipTokenizer } from "./clip_tokenizer.ts";
import { isBreak, parsePromptWeights, type PromptSyntax } from "./prompt_weights.ts";

/** Ids without BOS, EOS and padding, and one weight per id. */
export interface WeightedTokens {
  tokens: number[];
  weights: number[];
  /** More than `maxLength` tokens were given and the rest was dropped. */
  truncated: boolean;
}

/**
 * Tokenizes each weighted piece by itself. BREAK fills up with padding to the next multiple of 77 (not of 75: so does
 * the reference), a full 77 when already there. Source: sd-scripts `get_prompts_with_weights`.
 */
export function weightedTokens(
  tokenizer: ClipTokenizer,
  prompt: string,
  maxLength: number,
  syntax: PromptSyntax,
): WeightedTokens {
  const tokens: number[] = [], weights: number[] = [];
  for (const [text, weight] of parsePromptWeights(prompt, syntax)) {
    if (syntax.knowsBreak && isBreak(text)) {
      const count = CHUNK_LENGTH - tokens.length % CHUNK_LENGTH;
      for (let i = 0; i < count; i++) tokens.push(tokenizer.pad), weights.push(1);
      continue;
    }
    for (const id of tokenizer.encode(text)) tokens.push(id), weights.push(weight);
    if (tokens.length > maxLength) break;
  }
  const truncated = tokens.length > maxLength;
  return { tokens: tokens.slice(0, maxLength), weights: weights.slice(0, maxLength), truncated };
}

/** How many chunks of 75 hold the longest of these prompts: at least 1, at most `limit`. */
export function chunksNeeded(prompts: readonly WeightedTokens[], limit: number): number {
  const longest = Math.max(...prompts.map((p) => p.tokens.length));
  return Math.max(1, Math.min(limit, Math.floor((longest - 1) / (CHUNK_LENGTH - 2)) + 1));
}

/**
 * What the text encoder is given for a prompt of `chunks` chunks: `ids` is BOS, tokens, EOS, padding (75 chunks + 2
 * of them), `weights` has 77 entries a chunk with 1 at the places of BOS and EOS.
 * The trainer's weighted captions are padded with EOS whatever the tokenizer's padding (`padWithEos`).
 */
export function padWeighted(
  tokenizer: ClipTokenizer,
  { tokens, weights }: WeightedTokens,
  chunks: number,
  padWithEos = false,
): { ids: number[]; weights: number[] } {
  const inside = CHUNK_LENGTH - 2;
  const ids = [tokenizer.bos, ...tokens, tokenizer.eos];
  while (ids.length < inside * chunks + 2) ids.push(padWithEos ? tokenizer.eos : tokenizer.pad);

  const spread: number[] = [];
  if (weights.length) {
    for (let i = 0; i < chunks; i++) spread.push(1, ...weights.slice(i * inside, (i + 1) * inside), 1);
  }
  while (spread.length < CHUNK_LENGTH * chunks) spread.push(1);
  return { ids, weights: spread };
}

/**
 * Cuts the ids of padWeighted() into chunks of 77 for the text encoder. Where padding is not EOS (SD2, SDXL's second
 * encoder) a chunk whose last id is a word gets EOS there, and one of nothing but padding gets EOS first.
 * A single chunk is left as it is.
 */
export function cutWeighted({ bos, eos, pad }: ClipTokenizer, ids: number[]): number[][] {
  const inside = CHUNK_LENGTH - 2, count = Math.floor((ids.length - 2) / inside);
  if (count <= 1) return [ids];
  return Array.from({ length: count }, (_, i) => {
    const chunk = ids.slice(i * inside, (i + 1) * inside + 2);
    chunk[0] = bos;
    const last = chunk.length - 1;
    if (pad === eos) chunk[last] = ids[ids.length - 1];
    else {
      if (chunk[last] !== eos && chunk[last] !== pad) chunk[last] = eos;
      if (chunk[1] === pad) chunk[1] = eos;
    }
    return chunk;
  });
}
