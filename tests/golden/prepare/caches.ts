/** cache_latents and cache_text_encoder_outputs: which files there are, their arrays, and the numbers in them. */

import { TorchGenerator } from "../../../src/random/mod.ts";
import type { Check, GoldenCase } from "../case.ts";
import { close, exact, sample } from "../compare.ts";
import { withToolRun } from "../tool_run.ts";
import {
  arrayOf,
  checkArrays,
  filesBelow,
  type WantedArray,
  writeArrays,
  writeSynthModel,
} from "./arrays.ts";
import { isDrawn, writeGiven } from "./pictures.ts";

const HERE = ["--threads", "1", "--device", "cpu", "--compat", "0.9.1"];
/** Just before the first draw. */
const SEED = 7;

export function checkLatents(c: GoldenCase): Promise<Check[]> {
  const { npz, npz_before, tensors, tolerance } = c.json;
  return withCaches(c, "sd1-tiny", ["--seed", String(SEED)], () => {
    const encoded = Object.keys(npz).filter((file) => tensors?.[`${file}:mean`]);
    const flips = Object.keys(tensors ?? {}).some((name) => name.endsWith(":flipped:mean"));
    const noises = drawn(encoded, npz, flips ? ["", "_flipped"] : [""]),
      f32 = (name: string) => c.tensors().f32(name);
    const kept = Object.keys(npz_before ?? {}).filter((file) => !encoded.includes(file));
    return [
      ...noises.map(({ file, end, noise }) => {
        const of = file + end.replace("_", ":"), mean = f32(`${of}:mean`), std = f32(`${of}:std`);
        const wanted = mean.map((m, i) => m + std[i] * noise[i]);
        return close(
          `${file}: latents${end}`,
          arrayOf(file, `latents${end}`),
          wanted,
          tolerance.latents.rel_l2,
        );
      }),
      ...kept.map((file) => exact(`${file} as it was`, arrayOf(file, "latents").every((x) => x === 0), true)),
    ];
  });
}

/** The noise of each picture: they are encoded by the size of their bucket here, in a shuffled order there. */
function drawn(
  files: readonly string[],
  npz: Record<string, Record<string, WantedArray>>,
  ends: readonly string[],
) {
  const size = (file: string) => npz[file].latents.shape.reduce((a, b) => a * b, 1);
  const torch = new TorchGenerator(SEED);
  return [...files].sort().sort((a, b) => size(a) - size(b)).flatMap((file) =>
    ends.map((end) => ({ file, end, noise: torch.randn(size(file)) }))
  );
}

export function checkText(c: GoldenCase): Promise<Check[]> {
  const { files, tensors, tolerance } = c.json;
  return withCaches(c, "sdxl-tiny", [], () => {
    const numbers = Object.keys(tensors ?? {}).map((name) => {
      const [file, what] = name.split(":"),
        wanted = c.tensors().f32(name),
        array = what.replace("_sample", "");
      const all = arrayOf(file, array), got = what.endsWith("_sample") ? sample(all, wanted.length) : all;
      return close(name, got, wanted, tolerance.rel_l2);
    });
    const kept = Object.entries(files).filter(([name]) => name.endsWith(".npz"));
    return [...numbers, ...kept.map(([name, text]) => exact(name, Deno.readTextFileSync(name), text))];
  });
}

/** Runs the tool on a synthetic model and checks what does not depend on the kind of cache. */
function withCaches(c: GoldenCase, model: string, flags: string[], more: () => Check[]): Promise<Check[]> {
  const { npz, npz_before, error, files_after } = c.json;
  const files = { ...c.json.files, ...npz_before, model: { model } };
  return withToolRun({ ...c, json: { ...c.json, files } }, writeAny, (run) => {
    const checks = [exact(`fails, saying ${run.error}`, run.error !== null, error !== undefined)];
    if (files_after) checks.push(exact("files", filesBelow("train"), files_after));
    for (const [file, wanted] of Object.entries<Record<string, WantedArray>>(npz)) {
      checks.push(...checkArrays(file, wanted));
    }
    return [...checks, ...more()];
  }, [...flags, ...HERE]);
}

async function writeAny(path: string, given: unknown): Promise<void> {
  const model = (given as { model?: string } | null)?.model;
  if (model) writeSynthModel(path, model);
  else if (path.endsWith(".npz") && typeof given === "object" && !isDrawn(given)) {
    writeArrays(path, given as Record<string, WantedArray>);
  } else await writeGiven(path, given);
}
