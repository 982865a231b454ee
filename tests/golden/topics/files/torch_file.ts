/** Files that torch.save() wrote, in both forms, with whatever lies beside the tensors. */

import { dirname, join } from "node:path";
import { openCheckpoint } from "../../../../src/formats/checkpoint.ts";
import type { Check, GoldenCase } from "../../case.ts";
import { exact } from "../../compare.ts";
import { checksum, shortDtype } from "./digest.ts";

type Row = [name: string, dtype: string, shape: number[], crc32: string];

// deno-lint-ignore require-await -- a runner is asynchronous
export async function torchFile({ path, json }: GoldenCase): Promise<Check[]> {
  using file = openCheckpoint(join(dirname(path), json.file));
  const rows = (json.tensors_in_file as Row[]).map((row) => row.slice(0, 4));
  const ours = file.keys().map((key) => {
    const { dtype, shape } = file.info(key);
    return [key, shortDtype(dtype), [...shape], checksum(file.bytes(key))];
  });
  const byName = (a: unknown[], b: unknown[]) => String(a[0]) < String(b[0]) ? -1 : 1;
  const checks = [exact("tensors", ours.toSorted(byName), rows.toSorted(byName))];
  const { epoch, global_step: globalStep } = json.top_level;
  if (epoch !== undefined) checks.push(exact("counters", file.counters, { epoch, globalStep }));
  return checks;
}
