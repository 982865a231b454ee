/**
 * Nucleus sampling (arXiv 1904.09751) as transformers does it for BLIP: repetition penalty, the likeliest 50, of these as
 * many as it takes to reach top_p, and one of them by torch's generator.
 */

import type { TorchGenerator } from "../../../random/mod.ts";
import { keepGoing, type Limits, type NextLogits, writeSteps } from "./steps.ts";

export interface Nucleus extends Limits {
  readonly topP: number;
  readonly generator: TorchGenerator;
}

/** blip.py asks for the first; the second is transformers' default, which nobody turns off. */
const REPETITION_PENALTY = 1.1, TOP_K = 50;

export function nucleus(
  start: readonly (readonly number[])[],
  next: NextLogits,
  options: Nucleus,
): Promise<number[][]> {
  return writeSteps(start, next, options, (logits, rows) => {
    const width = logits.length / rows.length;
    return options.generator.multinomialOfRows(nucleusProbabilities(logits, rows, options), width);
  });
}

/** Changes `logits` into what is sampled from: (rows * vocabulary), each row adds up to 1. */
export function nucleusProbabilities(
  logits: Float32Array,
  rows: readonly (readonly number[])[],
  options: Omit<Nucleus, "generator">,
): Float32Array {
  const width = logits.length / rows.length;
  rows.forEach((row, i) => punishRepetition(logits.subarray(i * width, (i + 1) * width), row));
  keepGoing(logits, width, rows[0].length, options);
  for (let at = 0; at < logits.length; at += width) narrow(logits.subarray(at, at + width), options.topP);
  return logits;
}

function punishRepetition(scores: Float32Array, row: readonly number[]): void {
  for (const token of new Set(row)) {
    scores[token] *= scores[token] < 0 ? REPETITION_PENALTY : 1 / REPETITION_PENALTY;
  }
}

function narrow(scores: Float32Array, topP: number): void {
  const order = Array.from(scores.keys()).sort((a, b) => scores[b] - scores[a]);
  const least = scores[order[Math.min(TOP_K, order.length) - 1]];
  const kept = order.filter((token) => scores[token] >= least && scores[token] > -Infinity);
  const highest = scores[order[0]],
    sum = (tokens: readonly number[]) =>
      tokens.reduce((all, token) => all + Math.exp(scores[token] - highest), 0);
  const all = sum(kept);
  if (topP < 1) {
    // from the least likely on, as long as what is gone is no more than 1 - topP; the likeliest stays
    let gone = 0;
    while (kept.length > 1) {
      gone += Math.exp(scores[kept.at(-1)!] - highest) / all;
      if (gone > 1 - topP) break;
      kept.pop();
    }
  }
  const left = sum(kept), chances = kept.map((token) => Math.exp(scores[token] - highest) / left);
  scores.fill(0);
  kept.forEach((token, i) => scores[token] = chances[i]);
}
