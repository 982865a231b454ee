/** Whole runs of make_captions: every caption file to the byte, and no others. */

import { dirname } from "node:path";
import type { Check, GoldenCase } from "../case.ts";
import { exact } from "../compare.ts";
import { writeGiven } from "../prepare/pictures.ts";
import { withToolRun } from "../tool_run.ts";
import { writeBlip } from "./models.ts";

export function checkRun(c: GoldenCase): Promise<Check[]> {
  const { json } = c, pictures = Object.keys(json.files);
  const write = async (path: string, given: unknown) => {
    const top = path.slice(0, path.length - pictures.find((name) => path.endsWith(`/${name}`))!.length);
    if (!exists(`${top}vocab.txt`)) writeBlip(dirname(`${top}x`), c);
    await writeGiven(path, given);
  };
  return withToolRun(c, write, (run) => [
    exact(`fails, saying ${run.error}`, run.error !== null, json.error !== undefined),
    exact("files", textsBelow("."), json.out),
  ], ["--compat", "0.9.1"]);
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

/** All files of the folders below but pictures. */
function textsBelow(folder: string): Record<string, string> {
  const found: Record<string, string> = {};
  const walk = (inner: string) => {
    for (const { name, isDirectory } of Deno.readDirSync(inner)) {
      const path = `${inner}/${name}`;
      if (isDirectory) walk(path);
      else if (inner !== folder && !/\.(png|bmp)$/.test(name)) {
        found[path.slice(2)] = Deno.readTextFileSync(path);
      }
    }
  };
  walk(folder);
  return found;
}
