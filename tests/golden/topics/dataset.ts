/** Bucket lists and choices, captions, dataset files, image order, image preparation. */

import { planCases } from "../dataset/config.ts";
import { checkImage } from "../dataset/image.ts";
import { checkOrder } from "../dataset/order.ts";
import { checkBucketLists, checkCaptions, checkSelection } from "../dataset/rules.ts";
import type { Check, GoldenCase, Runner } from "../case.ts";

export function match(c: GoldenCase): Runner | string | null {
  if (c.topic !== "dataset") return null;
  const { json } = c;
  const now = (run: (c: GoldenCase) => Check[]) => () => Promise.resolve(run(c));
  if (Array.isArray(json.rows) && json.reso_steps !== undefined) return now(checkSelection);
  if (Array.isArray(json.epochs) && Array.isArray(json.subsets)) return () => checkOrder(c);
  if (typeof json.file === "string" && Array.isArray(json.cases)) return () => checkImage(c);
  const first = Array.isArray(json.cases) ? json.cases[0] ?? {} : {};
  if (first.buckets) return now(checkBucketLists);
  if (first.python_random_seed !== undefined) return now(checkCaptions);
  if (first.toml !== undefined) return now(planCases);
  return `no rule for a dataset case with ${Object.keys(json).join(", ")}`;
}
