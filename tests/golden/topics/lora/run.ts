import type { Check, GoldenCase } from "../../case.ts";
export function run(_c: GoldenCase): Promise<Check[]> {
  return Promise.resolve([]);
}
