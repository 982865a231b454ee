/** What the golden runner and its topics say to each other. A topic is one file in topics/, found by listing the folder. */

import type { SafetensorsFile } from "../../src/formats/safetensors.ts";

/** One case file of the golden format, read but not judged. */
export interface GoldenCase {
  /** Path of the JSON file. */
  readonly path: string;
  /** File name without extension: for printing only, a topic decides by what `json` says. */
  readonly name: string;
  /** `json.topic`, else the name of the folder the case lies in. */
  readonly topic: string;
  // deno-lint-ignore no-explicit-any -- free-form by nature; a topic checks what it reads
  readonly json: any;
  /** The tensors beside the JSON; opened at the first call. Throws UserError when there are none. */
  tensors(): SafetensorsFile;
}

/** One comparison: it passes when `error <= limit`, so NaN fails. */
export interface Check {
  readonly what: string;
  readonly error: number;
  readonly limit: number;
  /** For instance where the first difference is. */
  readonly note?: string;
}

export type Runner = () => Promise<Check[]>;

/** A topic file: `match` returns what runs the case, a string (skip, and why) or null (not mine). */
export interface Topic {
  match(c: GoldenCase): Runner | string | null;
}
