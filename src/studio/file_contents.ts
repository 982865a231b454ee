/** What files that a command line names lead to themselves: a dataset file to pictures, sample prompts to pictures to follow. */

import { dirname, isAbsolute } from "node:path";
import { UserError } from "../base/errors.ts";
import { readJson } from "../formats/json.ts";
import { plainToml, readToml } from "../formats/toml.ts";
import { readSamplePrompts } from "../generation/prompts/sample_prompt.ts";

/** Keys of a dataset file whose values are paths. */
const DATASET_PATHS = ["image_dir", "conditioning_data_dir", "metadata_file"];

const REMEDY = "give a file that can be read";

/** By the option that names the file. A path that more files lie behind is looked into by whoever asks. */
const READERS: Readonly<Record<string, (path: string) => readonly NamedFile[]>> = {
  dataset_config: (path) => {
    const parsed = path.toLowerCase().endsWith(".json")
      ? readJson(path, REMEDY)
      : plainToml(readToml(path, REMEDY));
    return valuesOf(parsed).map(([key, text]) => ({
      path: text,
      option: key === "metadata_file" ? "in_json" : "",
    }));
  },
  // pictures by name, or by path: of these the folders are enough
  in_json: (path) => {
    const keys = Object.keys(readJson(path, REMEDY) ?? {}).filter((key) =>
      isAbsolute(key) || key.includes("..")
    );
    return [...new Set(keys.map(dirname))].map((path) => ({ path, option: "" }));
  },
  sample_prompts: (path) =>
    readSamplePrompts(path).flatMap(({ prompt }) =>
      [prompt?.controlImage, prompt?.image].flatMap((path) => path ? [{ path, option: "" }] : [])
    ),
};

/** A path in a file, and the option that names such a file; "" where it leads to nothing further. */
interface NamedFile {
  readonly path: string;
  readonly option: string;
}

/** The paths that `path`, given as `option`, leads to; none where it cannot be read, which the job tells. */
export function pathsIn(option: string, path: string): readonly NamedFile[] {
  if (!Object.hasOwn(READERS, option)) return [];
  try {
    return READERS[option](path);
  } catch (error) {
    if (error instanceof UserError) return [];
    throw error;
  }
}

/** Every text under one of the keys, however deep. */
function valuesOf(value: unknown): [key: string, text: string][] {
  if (Array.isArray(value)) return value.flatMap(valuesOf);
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]): [string, string][] =>
    typeof inner === "string"
      ? DATASET_PATHS.includes(key) && inner !== "" ? [[key, inner]] : []
      : valuesOf(inner)
  );
}
