/**
 * Text that may hold anything (names and captions of other people, metadata, messages about them) made fit for a
 * screen: what would move the cursor, change colours or turn the reading direction is written out, as JSON writes it,
 * so that a line of JSON stays the same JSON.
 */

/** Control characters but for tab and line feed, halves of pairs, marks of direction, Unicode's line separators. */
const UNSEEN = /(?![\t\n])[\p{Cc}\p{Cs}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu;

/** Every line of a text, with nothing unseen in it. */
export function visible(text: string): string {
  return text.replace(
    UNSEEN,
    (c) => c === "\r" ? "\\r" : `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** Characters of a line; what is longer keeps its two ends. */
const LONGEST = 4000, END = 1000;

/** The same as one line, whatever stands in it and however much. */
export function oneLine(text: string): string {
  const line = visible(text.trimEnd().replaceAll("\n", "\\n").replaceAll("\t", "\\t"));
  if (line.length <= LONGEST) return line;
  return `${line.slice(0, LONGEST - END)} [...] ${line.slice(-END)}`;
}
