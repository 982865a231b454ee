/** What options need of each other. Each throws one line that says what to change. */

import { UsageError } from "../base/errors.ts";

/** Two flags that exclude each other. */
export function exclusive(a: string, aGiven: boolean, b: string, bGiven: boolean): void {
  if (aGiven && bGiven) throw new UsageError(`--${a} and --${b} contradict each other; give one of them`);
}

/** `what` needs `other`. */
export function needs(a: string, aGiven: boolean, b: string, bGiven: boolean): void {
  if (aGiven && !bGiven) throw new UsageError(`--${a} needs --${b}`);
}

/** Learning rates by flag, of the parts that are trained; a rate of 0 leaves its part as it is. */
export function somethingTrained(rates: Readonly<Record<string, number>>): void {
  const entries = Object.entries(rates);
  if (entries.some(([, rate]) => rate !== 0)) return;
  const flags = [...new Set(entries.map(([name]) => `--${name} 0`))].join(" and ");
  throw new UsageError(`${flags}: nothing would be trained; give a rate above 0`);
}
