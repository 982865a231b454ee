/** Results that have to be the same number for number: node:assert takes gigabytes to describe two large arrays. */

import { ok } from "node:assert/strict";

/** Fails unless both have the same bits, as far as numbers show them (0 is not -0, NaN is NaN); tells the first difference. */
export function identical(a: unknown, b: unknown, what = "results"): void {
  const first = difference(a, b);
  ok(first === null, `${what} differ${first}`);
}

function difference(a: unknown, b: unknown): string | null {
  if (Object.is(a, b)) return null;
  if (isList(a) && isList(b)) {
    if (a.length !== b.length) return `: ${a.length} values for ${b.length}`;
    return firstOf(a.length, (i) => difference(a[i], b[i]), (i) => `[${i}]`);
  }
  if (isRecord(a) && isRecord(b)) {
    const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])];
    return firstOf(keys.length, (i) => difference(a[keys[i]], b[keys[i]]), (i) => `.${keys[i]}`);
  }
  return `: ${told(a)} for ${told(b)}`;
}

/** Paths are put together only where something differs. */
function firstOf(
  count: number,
  differ: (i: number) => string | null,
  path: (i: number) => string,
): string | null {
  for (let i = 0; i < count; i++) {
    const found = differ(i);
    if (found !== null) return `${path(i)}${found}`;
  }
  return null;
}

function isList(x: unknown): x is ArrayLike<unknown> {
  return Array.isArray(x) || (ArrayBuffer.isView(x) && "length" in x);
}

function isRecord(x: unknown): x is Record<string, unknown> {
  return typeof x === "object" && x !== null && !isList(x);
}

function told(x: unknown): string {
  return Object.is(x, -0) ? "-0" : String(x);
}
