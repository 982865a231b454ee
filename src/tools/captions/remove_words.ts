/** sd-scripts' --remove_words: what GIT believes to read in pictures, taken out of its captions. */

/** Python's \w: letters, numbers and the underscore of all alphabets. */
const W = "[\\p{L}\\p{N}_]";

const PATTERNS: readonly RegExp[] = [
  `(has|with|and) the (words?|letters?|name) (" ?[^"]*"|${W}+)( ?(is )?(on|in) (the |her |their |him )?${W}+)?`,
  `(with a sign )?that says ?(" ?[^"]*"|${W}+)( ?on it)?`,
  `(with a sign )?that says ?(' ?(i'm)?[^']*'|${W}+)( ?on it)?`,
  `with the number \\p{Nd}+ on (it|${W}+ ${W}+)`,
  'with the words "',
  `word ${W}+ on it`,
  `that says the word ${W}+ on it`,
  "that says'the word \"( on it)?",
].map((pattern) => new RegExp(pattern, "gu"));

/** One pattern after the other; the spaces around what goes stay. */
export function removeWords(caption: string): string {
  return PATTERNS.reduce((text, pattern) => text.replace(pattern, ""), caption);
}
