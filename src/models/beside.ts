/** Small files that transformers saves beside a model's weights. */

import { dirname, join } from "node:path";
import { isFile } from "../base/files/exists.ts";
import { readJson } from "../formats/json.ts";

/** What is read of one. */
export type ModelJson = Readonly<Record<string, unknown>>;

/** A file that lies beside the weights, null where there is none. */
export function besideWeights(path: string, name: string): string | null {
  const beside = join(dirname(path), name);
  return isFile(beside) ? beside : null;
}

/** transformers' config.json beside the weights; empty where there is none. */
export function configBeside(path: string): ModelJson {
  const file = besideWeights(path, "config.json");
  return file === null ? {} : asConfig(readJson(file, "remove it, or put the model's own there"));
}

export function asConfig(value: unknown): ModelJson {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value as ModelJson : {};
}

/** The side that preprocessor_config.json brings a picture's shorter one to, if it says so. */
export function shorterSide(path: string): number | null {
  const file = besideWeights(path, "preprocessor_config.json");
  if (file === null) return null;
  const { size } = asConfig(readJson(file, "remove it, or put the model's own there"));
  const found = typeof size === "number" ? size : asConfig(size).shortest_edge;
  return typeof found === "number" && found >= 1 ? found : null;
}
