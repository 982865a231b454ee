/** Emphasis in prompts: (up), [down], (exactly:1.3), and backslashes before brackets that are meant as such. */

import { UserError } from "../base/errors.ts";

/** A stretch of prompt text and the factor its tokens' embeddings are multiplied by. */
export type WeightedText = [text: string, weight: number];

const PIECES = /\\\(|\\\)|\\\[|\\]|\\\\|\\|\(|\[|:([+-]?[.\d]+)\)|\)|]|[^\\()[\]:]+|:/g;

const UP = 1.1;
const DOWN = 1 / 1.1;

export interface PromptSyntax {
  /** gen_img knows the word BREAK (fill up the chunk and start another); the trainer takes it as a word. */
  readonly knowsBreak: boolean;
  /** False takes brackets as words. Default true. */
  readonly knowsWeights?: boolean;
}

/**
 * Splits a prompt where its weight changes; neighbours of equal weight are one piece, BREAK always stands alone.
 * Never empty. Source: sd-scripts `parse_prompt_attention`, after the AUTOMATIC1111 web UI.
 */
export function parsePromptWeights(
  prompt: string,
  { knowsBreak, knowsWeights = true }: PromptSyntax,
): WeightedText[] {
  if (!knowsWeights) return [[prompt, 1]];
  const pieces: WeightedText[] = [];
  const round: number[] = [], square: number[] = []; // where the brackets still open began
  const multiplyFrom = (start: number, factor: number) => {
    for (let i = start; i < pieces.length; i++) pieces[i][1] *= factor;
  };

  // Backslashes around BREAK keep it a piece of its own.
  const text = knowsBreak ? prompt.replaceAll("BREAK", "\\BREAK\\") : prompt;
  for (const [piece, weight] of text.matchAll(PIECES)) {
    if (piece.startsWith("\\")) pieces.push([piece.slice(1), 1]);
    else if (piece === "(") round.push(pieces.length);
    else if (piece === "[") square.push(pieces.length);
    else if (weight !== undefined && round.length) multiplyFrom(round.pop()!, parseWeight(weight, prompt));
    else if (piece === ")" && round.length) multiplyFrom(round.pop()!, UP);
    else if (piece === "]" && square.length) multiplyFrom(square.pop()!, DOWN);
    else pieces.push([piece, 1]);
  }
  for (const start of round) multiplyFrom(start, UP);
  for (const start of square) multiplyFrom(start, DOWN);
  if (!pieces.length) pieces.push(["", 1]);

  const merged: WeightedText[] = [];
  for (const piece of pieces) {
    const before = merged[merged.length - 1];
    const standsAlone = knowsBreak && before && (isBreak(before[0]) || isBreak(piece[0]));
    if (before && before[1] === piece[1] && !standsAlone) before[0] += piece[0];
    else merged.push(piece);
  }
  return merged;
}

export function isBreak(text: string): boolean {
  return text.trim() === "BREAK";
}

function parseWeight(text: string, prompt: string): number {
  const weight = Number(text);
  if (Number.isNaN(weight)) {
    throw new UserError(`prompt "${prompt}": "${text}" is not a number; a weight looks like (word:1.2)`);
  }
  return weight;
}
