/** prepare_buckets_latents: metadata, the arrays of the caches, and latents with the noise of a seed. */

import type { Check, GoldenCase } from "../case.ts";
import { close, exact } from "../compare.ts";
import { withToolRun } from "../tool_run.ts";
import { arrayOf, checkArrays, filesBelow, writeSynthModel } from "./arrays.ts";
import { writeGiven } from "./pictures.ts";

/** Just before the first draw; the script sets none. */
const SEED = ["--seed", "7", "--threads", "1", "--device", "cpu", "--compat", "0.9.1"];

export function checkBuckets(c: GoldenCase): Promise<Check[]> {
  const { npz, out_json, error, log, tensors, tolerance } = c.json;
  const failed = error !== undefined || String(log.at(-1)).startsWith("ERROR");
  const files = { ...c.json.files, "vae.safetensors": "model" };
  return withToolRun({ ...c, json: { ...c.json, files } }, writeModelToo, (run) => {
    const checks = [
      exact(`fails, saying ${run.error}`, run.error !== null, failed),
      exact("caches", filesBelow("d").filter((name) => name.endsWith(".npz")), Object.keys(npz).sort()),
    ];
    if (out_json !== null) checks.push(exact("out.json", Deno.readTextFileSync("out.json"), out_json));
    for (const [file, wanted] of Object.entries(npz)) {
      checks.push(...checkArrays(file, wanted as Parameters<typeof checkArrays>[1]));
    }
    for (const name of Object.keys(tensors ?? {})) {
      const [file, what] = name.split(":");
      if (!what.startsWith("latents")) continue;
      checks.push(close(name, arrayOf(file, what), c.tensors().f32(name), tolerance.latents.rel_l2));
    }
    return checks;
  }, SEED);
}

async function writeModelToo(path: string, given: unknown): Promise<void> {
  if (given === "model") writeSynthModel(path, "sd1-tiny", "first_stage_model.");
  else await writeGiven(path, given);
}
