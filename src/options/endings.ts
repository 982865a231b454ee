import type { PathKind } from "./row.ts";

/** Endings of the files that a kind of path leads to; none: any. */
export const ENDINGS: Readonly<Record<Exclude<PathKind, "folder">, readonly string[]>> = {
  model: ["safetensors", "ckpt", "pt"],
  toml: ["toml", "json"],
  json: ["json"],
  text: ["txt", "toml", "json"],
  file: [],
};
