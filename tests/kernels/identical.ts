/** Fails unless both have the same bits; names the first difference. node:assert takes gigabytes to describe two large arrays. */

import { ok } from "node:assert/strict";
import { exact } from "../golden/compare.ts";

export function identical(a: unknown, b: unknown, what = "results"): void {
  const { error, note } = exact(what, a, b);
  ok(error === 0, `${what} differ in ${error} places, first ${note}`);
}
