/** What options need of each other. Each throws one line that says what to change. */

import { UsageError } from "../base/errors.ts";

/** A flag without which the command cannot start. */
export function required<T>(name: string, value: T | null): T {
  if (value === null || value === "") throw new UsageError(`--${name} is missing`);
  return value;
}

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

/** "6GB", "512 MB", "1.5g" or plain bytes; binary units. */
export function parseBytes(name: string, text: string | null): number | null {
  if (text === null) return null;
  const match = /^(\d+\.?\d*|\.\d+)\s*([kmgt]?)(i?b)?$/i.exec(text.trim());
  if (!match) throw new UsageError(`--${name} takes a size such as 6GB, "${text}" was given`);
  return Math.floor(Number(match[1]) * 1024 ** " kmgt".indexOf(match[2].toLowerCase() || " "));
}
