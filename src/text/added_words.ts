/** Words that a tokenizer does not have, as transformers' add_tokens() adds them. */

import type { ClipTokenizer } from "./clip_tokenizer.ts";

/** Ids by word. */
export type AddedWords = ReadonlyMap<string, readonly number[]>;

/**
 * A tokenizer that knows `words` too, each with its ids. They are found in exactly their letters, also inside other words;
 * of several that begin at one place the longest counts.
 */
export function withWords(
  tokenizer: ClipTokenizer,
  words: AddedWords,
): ClipTokenizer {
  if (words.size === 0) return tokenizer;
  const longestFirst = [...words.keys()].sort((a, b) => b.length - a.length);
  const any = new RegExp(
    `(${longestFirst.map((word) => word.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&")).join("|")})`,
    "u",
  );
  return {
    ...tokenizer,
    encode: (text) => text.split(any).flatMap((piece) => words.get(piece) ?? tokenizer.encode(piece)),
  };
}
