/** What is said of flags beside --dataset_config. */

import { listed } from "../../base/phrases.ts";
import { overriddenFlags } from "../../data/dataset/overridden.ts";
import type { CommandInput } from "../command.ts";
import { rowsOf } from "../../options/mod.ts";
import { captionOptions } from "../../data/batches/options.ts";
import { bucketOptions, datasetOptions } from "../../data/dataset/options.ts";
import { trainingOptions } from "../../training/loop/options.ts";

const NAMES = Object.keys(rowsOf([datasetOptions, captionOptions, bucketOptions, trainingOptions]));

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
