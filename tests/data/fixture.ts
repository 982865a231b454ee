/** Folders of small pictures with captions, for the tests of this room. */

import { join } from "node:path";
import { type DatasetPlan, planDatasets } from "../../src/data/mod.ts";
import type { DatasetFlags } from "../../src/data/dataset/options.ts";
import { encodePng } from "../../src/images/png_file.ts";
import { camel, withDefaults } from "../../src/options/mod.ts";
import { trainingGroups } from "../../src/training/options.ts";

export const PICTURES = join(import.meta.dirname!, "pictures");

/** Calls `run` with a temporary folder that is gone afterwards. */
export async function withFolder(run: (dir: string) => Promise<void> | void): Promise<void> {
  const dir = Deno.makeTempDirSync();
  try {
    await run(dir);
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
}

export interface Picture {
  readonly name: string;
  readonly width?: number;
  readonly height?: number;
  readonly caption?: string;
}

/** Writes NAME.png, and NAME.txt where there is a caption, into `dir`. Every picture has its own colours. */
export function writePictures(dir: string, pictures: readonly Picture[]): void {
  Deno.mkdirSync(dir, { recursive: true });
  pictures.forEach(({ name, width = 64, height = 64, caption }, n) => {
    const pixels = Uint8Array.from({ length: width * height * 3 }, (_, i) => i * 7 + n * 31 + (i >> 5));
    Deno.writeFileSync(join(dir, `${name}.png`), encodePng({ width, height, data: pixels }));
    if (caption !== undefined) Deno.writeTextFileSync(join(dir, `${name}.txt`), caption);
  });
}

export function hex(bytes: ArrayBuffer): string {
  return [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** What a dataset is made of: flags by sd-scripts' names, the others as where nothing is given. */
export function datasetFlags(given: Readonly<Record<string, unknown>>): DatasetFlags {
  const named = Object.entries(given).map(([name, value]) => [camel(name), value]);
  const defaults = withDefaults(trainingGroups, { pretrainedModelNameOrPath: "", outputDir: "" });
  return { ...defaults, ...Object.fromEntries(named) };
}

export function plansOf(given: Readonly<Record<string, unknown>>): DatasetPlan[] {
  return planDatasets(datasetFlags(given));
}
