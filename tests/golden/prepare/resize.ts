/** resize_images_to_resolution: names, sizes and pixels of all that it writes. */

import { loadImage } from "../../../src/images/load.ts";
import type { Check, GoldenCase } from "../case.ts";
import { exact, within } from "../compare.ts";
import { withToolRun } from "../tool_run.ts";
import { writeGiven } from "./pictures.ts";

export function checkResize(c: GoldenCase): Promise<Check[]> {
  const { outputs, error, tensors } = c.json;
  return withToolRun(c, writeGiven, async (run) => {
    const checks = [exact(`fails, saying ${run.error}`, run.error !== null, error !== undefined)];
    const found = namesBelow("o");
    // the order of a folder's files is not fixed, so where the reference fails is not either
    if (error === undefined) checks.push(exact("files", found, Object.keys(outputs).sort()));
    for (const [name, wanted] of Object.entries<Output>(outputs)) {
      if (wanted.text !== undefined) checks.push(exact(name, Deno.readTextFileSync(name), wanted.text));
      else if (error === undefined) {
        checks.push(...await checkPicture(c, name, wanted, name in (tensors ?? {})));
      }
    }
    return checks;
  }, ["--compat", "0.9.1"]);
}

interface Output {
  readonly text?: string;
  readonly size?: [width: number, height: number];
  readonly stats?: { mean: number; std: number };
}

async function checkPicture(
  c: GoldenCase,
  name: string,
  { size, stats }: Output,
  pixels: boolean,
): Promise<Check[]> {
  const { width, height, data } = await loadImage(name);
  const checks = [exact(`${name}: size`, [width, height], size)];
  if (pixels) checks.push(within(name, data, c.tensors().bytes(name), 1));
  if (stats) {
    const bytes = Deno.readFileSync(name), mean = data.reduce((a, b) => a + b, 0) / data.length;
    const std = Math.sqrt(data.reduce((a, b) => a + (b - mean) ** 2, 0) / data.length);
    checks.push(
      exact(`${name}: tables and sampling`, jpegFacts(bytes), {
        quantization: [1],
        sampling: [0x22, 0x11, 0x11],
      }),
      within(`${name}: mean and deviation`, [mean, std], [stats.mean, stats.std], 0.2),
    );
  }
  return checks;
}

function namesBelow(folder: string): string[] {
  try {
    return [...Deno.readDirSync(folder)].map(({ name }) => `${folder}/${name}`).sort();
  } catch {
    return [];
  }
}

/** The different steps of all quantization tables, and the sampling factors of the components. */
function jpegFacts(bytes: Uint8Array): { quantization: number[]; sampling: number[] } {
  const steps = new Set<number>();
  let sampling: number[] = [];
  for (let at = 2; at < bytes.length && bytes[at + 1] !== 0xda;) {
    const marker = bytes[at + 1],
      length = bytes[at + 2] << 8 | bytes[at + 3],
      body = bytes.subarray(at + 4, at + 2 + length);
    if (marker === 0xdb) {
      for (let t = 0; t < body.length; t += 65) {
        body.subarray(t + 1, t + 65).forEach((s) => steps.add(s));
      }
    }
    if (marker >= 0xc0 && marker <= 0xc2) sampling = [7, 10, 13].map((i) => body[i]);
    at += 2 + length;
  }
  return { quantization: [...steps], sampling };
}
