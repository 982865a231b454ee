/** What is said of flags beside --dataset_config. */

import { listed } from "../../base/phrases.ts";
import { overriddenFlags } from "../../data/dataset/overridden.ts";
import type { CommandInput } from "../command.ts";
import { captionFlags } from "../flags/captions.ts";
import { bucketFlags, datasetFlags } from "../flags/dataset.ts";
import { trainingFlags } from "../flags/training.ts";
import { allFlags } from "./parse.ts";

const NAMES = Object.keys(allFlags([datasetFlags, captionFlags, bucketFlags, trainingFlags]));

/** Flags that were given and that the dataset file takes the place of, in one line. Throws UserError for a wrong file. */
export function besideDatasetFile(
  { values: { datasetConfig: path }, source }: CommandInput<{ readonly datasetConfig: string | null }>,
): string[] {
  if (path === null) return [];
  const given = NAMES.filter((name) => source(name) === "command line" || source(name) === "config file");
  const flags = overriddenFlags(path, given).map((name) => `--${name}`);
  if (flags.length === 0) return [];
  return [
    `${path} decides in place of ${listed(flags)}, which ${flags.length > 1 ? "have" : "has"} no effect`,
  ];
}
