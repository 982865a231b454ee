/** Points of charts: joined, smoothed, added to. */

import type { Points } from "../../../runs/shown.ts";

export type Curves = Readonly<Record<string, Points>>;

/** What came since; a run that went back goes on from there. */
export function withAdded(curves: Curves, added: Curves): Curves {
  const all: Record<string, Points> = { ...curves };
  for (const [metric, more] of Object.entries(added)) {
    const old = all[metric] ?? { steps: [], values: [] };
    const kept = old.steps.findIndex((step) => step >= more.steps[0]);
    const cut = <T>(list: readonly T[]) => kept < 0 ? list : list.slice(0, kept);
    all[metric] = {
      steps: [...cut(old.steps), ...more.steps],
      values: [...cut(old.values), ...more.values],
      ...old.low && { low: [...cut(old.low), ...more.low ?? more.values] },
      ...old.high && { high: [...cut(old.high), ...more.high ?? more.values] },
    };
  }
  return all;
}

/** An exponential average that weighs a point by the steps that it stands for, begun without a pull to zero. */
export function smoothed({ steps, values }: Points, factor: number): (number | null)[] {
  if (factor <= 0) return [...values];
  let sum = 0, weight = 0, before = steps[0] - 1;
  const unit = steps.length > 1 ? (steps.at(-1)! - steps[0]) / (steps.length - 1) : 1;
  return values.map((value, i) => {
    if (value === null) return null;
    const past = factor ** Math.max(1e-3, (steps[i] - before) / unit);
    before = steps[i];
    sum = past * sum + (1 - past) * value;
    weight = past * weight + (1 - past);
    return sum / weight;
  });
}
