/** The tools that write metadata files: merge_captions_to_metadata, merge_dd_tags_to_metadata, clean_captions_and_tags. */

import { cleanCaption, cleanTags } from "../../../src/tools/dataset/texts/clean_texts.ts";
import type { Check, GoldenCase, Runner } from "../case.ts";
import { exact } from "../compare.ts";
import { withToolRun, writePlain } from "../tool_run.ts";

export function match(c: GoldenCase): Runner | string | null {
  if (c.topic !== "metadata") return null;
  const { json } = c, reference = String(json.reference);
  if (Array.isArray(json.rows)) {
    const clean = reference.includes("clean_tags")
      ? (text: string) => cleanTags(text)?.tags ?? { error: "AssertionError" }
      : cleanCaption;
    return () => Promise.resolve(rows(json.rows, clean));
  }
  return json.argv && json.files ? () => run(c) : `${reference} without argv and files is not known`;
}

function rows(given: [string, unknown][], clean: (text: string) => unknown): Check[] {
  return given.map(([text, wanted], i) => exact(`row ${i}`, clean(text), wanted));
}

/** Every file that was written, byte for byte. A log that ends with an error is a failure, whatever the exit status. */
function run(c: GoldenCase): Promise<Check[]> {
  const { files, out, error, log } = c.json;
  const failed = error !== undefined || String(log.at(-1)).startsWith("ERROR");
  return withToolRun(c, writePlain, (tool) => {
    const left = (name: string) => {
      try {
        return Deno.readTextFileSync(name);
      } catch {
        return null;
      }
    };
    const untouched = Object.entries(files).filter(([name, text]) =>
      typeof text === "string" && !(name in out)
    );
    return [
      exact(`fails, saying ${tool.error}`, tool.error !== null, failed),
      ...Object.entries(out).map(([name, text]) => exact(name, left(name), text)),
      ...untouched.map(([name, text]) => exact(`${name} as it was`, left(name), text)),
      exact("out.json is written", left("out.json") !== null, "out.json" in out || "out.json" in files),
    ];
  }, ["--compat", "0.9.1"]);
}
