/** Greedy decoding: always the likeliest token. */

import { keepGoing, type Limits, type NextLogits, writeSteps } from "./steps.ts";

export function greedy(
  start: readonly (readonly number[])[],
  next: NextLogits,
  limits: Limits,
): Promise<number[][]> {
  return writeSteps(start, next, limits, (logits, rows) => {
    const width = logits.length / rows.length;
    keepGoing(logits, width, rows[0].length, limits);
    return rows.map((_, i) => {
      let best = i * width;
      for (let at = best; at < (i + 1) * width; at++) if (logits[at] > logits[best]) best = at;
      return best - i * width;
    });
  });
}
