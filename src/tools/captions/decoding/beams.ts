/**
 * Beam search as transformers 4.57 does it: the best texts by their mean log probability, with `beams` of them in work for
 * each picture.
 */

import { keepGoing, type Limits, type NextLogits } from "./steps.ts";

interface Beam {
  readonly tokens: readonly number[];
  /** Sum of log probabilities. */
  readonly score: number;
}

interface Search {
  running: Beam[];
  /** Best first; `score` is the mean. */
  finished: Beam[];
  /** False once no running beam can become better than the finished ones. */
  hopeful: boolean;
}

/** One text for each of `start`; `next` is asked for `beams` rows a picture, which lie one behind the other. */
export async function beamSearch(
  start: readonly (readonly number[])[],
  next: NextLogits,
  limits: Limits,
  beams: number,
): Promise<number[][]> {
  const prompt = start[0].length;
  const searches: Search[] = start.map((tokens) => ({
    // all beams are the same at first, so that only one may give candidates
    running: Array.from({ length: beams }, (_, i) => ({ tokens, score: i === 0 ? 0 : -1e9 })),
    finished: [],
    hopeful: true,
  }));
  for (let length = prompt; length < limits.maxLength; length++) {
    const rows = searches.flatMap(({ running }) => running.map(({ tokens }) => tokens));
    const scores = logProbabilities(await next(rows), rows.length), width = scores.length / rows.length;
    keepGoing(scores, width, length, limits);
    const isLast = length + 1 === limits.maxLength;
    let open = false;
    searches.forEach((search, i) => {
      const own = scores.subarray(i * beams * width, (i + 1) * beams * width);
      const candidates = best(search.running, own, width, 2 * beams);
      const ends = ({ tokens }: Beam) => isLast || tokens.at(-1) === limits.end;
      search.running = candidates.filter((beam) => !ends(beam)).slice(0, beams);
      if (search.hopeful) {
        const done = candidates.slice(0, beams).filter(ends);
        const means = done.map(({ tokens, score }) => ({ tokens, score: score / (length + 1 - prompt) }));
        search.finished = [...search.finished, ...means].sort((a, b) => b.score - a.score).slice(0, beams);
      }
      open ||= candidates.some((beam) => !ends(beam));
      search.hopeful &&= canImprove(search, beams, length + 1 - prompt);
    });
    if (!open || !searches.some(({ hopeful }) => hopeful)) break;
  }
  return searches.map(({ finished, running }) => [...(finished[0] ?? running[0]).tokens]);
}

function canImprove({ running, finished }: Search, beams: number, written: number): boolean {
  const worst = finished.length < beams ? -1e9 : finished[beams - 1].score;
  return running.length > 0 && running[0].score / written > worst;
}

/** The highest sums of all continuations, best first. */
function best(running: readonly Beam[], scores: Float32Array, width: number, count: number): Beam[] {
  const found: { at: number; score: number }[] = [];
  for (let at = 0; at < scores.length; at++) {
    const score = Math.fround(running[Math.floor(at / width)].score + scores[at]);
    if (found.length === count && !(score > found[count - 1].score)) continue;
    let place = found.length;
    while (place > 0 && found[place - 1].score < score) place--;
    found.splice(place, 0, { at, score });
    if (found.length > count) found.pop();
  }
  return found.map(({ at, score }) => ({
    tokens: [...running[Math.floor(at / width)].tokens, at % width],
    score,
  }));
}

/** log_softmax of each row, in place. */
function logProbabilities(logits: Float32Array, rows: number): Float32Array {
  const width = logits.length / rows;
  for (let at = 0; at < logits.length; at += width) {
    const row = logits.subarray(at, at + width), highest = row.reduce((a, b) => Math.max(a, b));
    const sum = row.reduce((all, x) => all + Math.exp(x - highest), 0), log = highest + Math.log(sum);
    for (let i = 0; i < width; i++) row[i] -= log;
  }
  return logits;
}
