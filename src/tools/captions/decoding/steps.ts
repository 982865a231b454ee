/** Writing texts token by token: what every way of choosing the next one has in common. */

/** The logits (rows * vocabulary) of each row's next token; rows are of one length. */
export type NextLogits = (rows: readonly (readonly number[])[]) => Promise<Float32Array>;

export interface Limits {
  /** Tokens of a text, those that it begins with included. */
  readonly maxLength: number;
  /** A text does not end before it has this many tokens. */
  readonly minLength: number;
  /** The token that ends a text, and the one that fills it up behind that. */
  readonly end: number;
  readonly pad: number;
}

/** Chooses the next token of each row. `logits` may be changed. */
export type Choose = (logits: Float32Array, rows: readonly (readonly number[])[]) => number[];

/** Goes on until every row has ended or is as long as it may be. Throws what `next` throws. */
export async function writeSteps(
  start: readonly (readonly number[])[],
  next: NextLogits,
  limits: Limits,
  choose: Choose,
): Promise<number[][]> {
  const { maxLength, end, pad } = limits, rows = start.map((row) => [...row]), ended = rows.map(() => false);
  while (rows[0].length < maxLength && ended.includes(false)) {
    const logits = await next(rows);
    choose(logits, rows).forEach((token, i) => {
      rows[i].push(ended[i] ? pad : token);
      ended[i] ||= token === end;
    });
  }
  return rows;
}

/** Forbids the end while rows are too short. */
export function keepGoing(scores: Float32Array, width: number, length: number, limits: Limits): void {
  if (length >= limits.minLength) return;
  for (let at = limits.end; at < scores.length; at += width) scores[at] = -Infinity;
}
