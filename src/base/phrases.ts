/** Pieces of the lines that are said to people: "did you mean ...?", "a, b and c", "2 batches". */

import { distance } from "fastest-levenshtein";

/** The most similar name, capitals aside, unless none is similar at all. */
export function nearest(word: string, names: readonly string[]): string | null {
  let best: string | null = null, least = Math.max(2, Math.ceil(word.length / 3)) + 1;
  for (const name of names) {
    const d = distance(word.toLowerCase(), name.toLowerCase());
    if (d < least) [best, least] = [name, d];
  }
  return best;
}

/** The end of an error's line: the nearest name as a question, or nothing. */
export function guess(word: string, names: readonly string[], prefix = ""): string {
  const near = nearest(word, names);
  return near === null ? "" : `; did you mean ${prefix}${near}?`;
}

/** "a, b and c". */
export function listed(words: readonly string[], and = "and"): string {
  if (words.length < 2) return words.join("");
  return `${words.slice(0, -1).join(", ")} ${and} ${words.at(-1)}`;
}

/** "1 batch", "2 batches"; the last word is the one that changes. */
export function counted(n: number, what: string): string {
  if (n === 1) return `1 ${what}`;
  return `${n} ${what}${/((?<!epo)ch|sh|s|x)$/.test(what) ? "es" : "s"}`;
}
