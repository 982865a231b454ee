/** Whole runs of tag_images_by_wd14_tagger: every tag file to the byte, and whether the run ends in an error. */

import { dirname, join } from "node:path";
import { writePicture } from "../../../src/images/write.ts";
import { prepareForTagger } from "../../../src/tools/tagging/prepare.ts";
import type { Check, GoldenCase } from "../case.ts";
import { exact, within } from "../compare.ts";
import { isDrawn } from "../prepare/pictures.ts";
import { withToolRun, writePlain } from "../tool_run.ts";
import { taggerPicture } from "./pictures.ts";

export function checkRun(c: GoldenCase): Promise<Check[]> {
  const { json } = c, here = dirname(c.path);
  const write = async (path: string, given: unknown) => {
    if (isDrawn(given)) await writePicture(path, await taggerPicture(c, "", given));
    else writePlain(path, given);
    // the model lies beside the folder of pictures
    placeModel(join(path.slice(0, path.indexOf("/d/")), "m", "x_tagger"));
  };
  const placeModel = (folder: string) => {
    Deno.mkdirSync(folder, { recursive: true });
    Deno.copyFileSync(join(here, json.model_file.split(" ")[0]), join(folder, "model.onnx"));
    const tags = String(json.selected_tags);
    if (tags.includes("\n")) Deno.writeTextFileSync(join(folder, "selected_tags.csv"), tags);
    else Deno.copyFileSync(join(here, tags), join(folder, "selected_tags.csv"));
  };
  return withToolRun(c, write, (run) => {
    return [
      exact(`fails, saying ${run.error}`, run.error !== null, json.error !== undefined),
      ...Object.entries<string>(json.out).map(([name, text]) => exact(name, readText(name), text)),
    ];
  }, ["--compat", "0.9.1"]);
}

function readText(path: string): string | null {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return null;
  }
}

/** Rows and samples of the prepared pictures. */
export async function checkPreparation(c: GoldenCase): Promise<Check[]> {
  const { json } = c, tensors = c.tensors(), checks: Check[] = [];
  for (const [name, given] of Object.entries<{ path: string }>(json.pictures)) {
    const made = prepareForTagger(await taggerPicture(c, name, given as never), { compat: true });
    const limit = given.path.startsWith("bilinear") ? 1 : 0, row = 448 * 3;
    const rows = [0, 1, 100, 223, 447].flatMap((y) => [...made.subarray(y * row, (y + 1) * row)]);
    checks.push(within(name, Float32Array.from(rows), tensors.bytes(`${name}_rows`), limit));
  }
  return checks;
}
