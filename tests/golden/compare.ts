/** How far two results are apart, as checks for the golden runner. Sums are float64. */

import type { Check } from "./case.ts";

type Numbers = ArrayLike<number>;

/** ||a - b|| / ||b||; 0 when both are all zero, infinite when only b is, NaN when a length differs. */
export function relL2(a: Numbers, b: Numbers): number {
  if (a.length !== b.length) return NaN;
  let difference = 0, norm = 0;
  for (let i = 0; i < b.length; i++) {
    const d = a[i] - b[i];
    difference += d * d;
    norm += b[i] * b[i];
  }
  return difference === 0 ? 0 : Math.sqrt(difference / norm);
}

/** max |a - b|; NaN when a length differs or any difference is NaN. Equal infinities differ by 0. */
export function maxAbs(a: Numbers, b: Numbers): number {
  if (a.length !== b.length) return NaN;
  let worst = 0;
  for (let i = 0; i < b.length; i++) {
    if (a[i] === b[i]) continue;
    const d = Math.abs(a[i] - b[i]);
    if (!(d <= worst)) worst = d;
    if (Number.isNaN(d)) return NaN;
  }
  return worst;
}

/** Relative l2 as a check; float32's limit unless the case gives another. */
export function close(what: string, a: Numbers, b: Numbers, limit = 1e-4): Check {
  const note = a.length === b.length ? undefined : `${a.length} values, expected ${b.length}`;
  return { what, error: relL2(a, b), limit, note };
}

/** Largest absolute difference as a check. */
export function within(what: string, a: Numbers, b: Numbers, limit: number): Check {
  const note = a.length === b.length ? undefined : `${a.length} values, expected ${b.length}`;
  return { what, error: maxAbs(a, b), limit, note };
}

/** Exact equality of numbers, strings, arrays, typed arrays and plain objects; the error counts differing leaves. */
export function exact(what: string, a: unknown, b: unknown): Check {
  const found: Differences = { count: 0 };
  differ(a, b, "", found);
  return { what, error: found.count, limit: 0, note: found.first };
}

interface Differences {
  count: number;
  first?: string;
}

function differ(a: unknown, b: unknown, at: string, found: Differences): void {
  if (Object.is(a, b) || a === b) return;
  if (isList(a) && isList(b)) {
    if (a.length !== b.length) report(found, at, `length ${a.length}, expected ${b.length}`);
    for (let i = 0; i < Math.min(a.length, b.length); i++) differ(a[i], b[i], `${at}[${i}]`, found);
  } else if (isRecord(a) && isRecord(b)) {
    for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
      differ(a[key], b[key], `${at}.${key}`, found);
    }
  } else report(found, at, `${brief(a)}, expected ${brief(b)}`);
}

function report(found: Differences, at: string, text: string): void {
  found.count++;
  found.first ??= at ? `${at}: ${text}` : text;
}

function isList(x: unknown): x is ArrayLike<unknown> {
  return Array.isArray(x) || (ArrayBuffer.isView(x) && "length" in x);
}

function isRecord(x: unknown): x is Record<string, unknown> {
  return typeof x === "object" && x !== null && !isList(x);
}

function brief(x: unknown): string {
  const text = typeof x === "bigint" ? `${x}n` : JSON.stringify(x) ?? String(x);
  return text.length > 60 ? text.slice(0, 57) + "..." : text;
}

/** A `*_sample`: `count` elements at floor(k * size / count) of the row-major flattening. */
export function sample(values: Numbers, count: number): Float32Array {
  return Float32Array.from({ length: count }, (_, k) => values[Math.floor(k * values.length / count)]);
}

/** JSON has no infinities: the format writes them as strings. */
export function toNumber(x: number | string): number {
  return typeof x === "number" ? x : x === "NaN" ? NaN : x === "-Infinity" ? -Infinity : Infinity;
}
