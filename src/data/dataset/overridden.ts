/** Flags that a dataset file takes the place of: sd-scripts warns of some of them, and drops the others without a word. */

import { listed } from "../../base/phrases.ts";
import { type DatasetFile, readDatasetFile } from "./config_file.ts";
import { generalTable, subsetTable, type Supports, supportsOf, TRAIN_NETWORK } from "./config_schema.ts";

/** What names the images; with a dataset file nobody reads it. */
const IMAGES = ["train_data_dir", "reg_data_dir", "in_json", "conditioning_data_dir"];

/** Flags that dataset files call otherwise. */
const RENAMED: Readonly<Record<string, string>> = {
  train_batch_size: "batch_size",
  dataset_repeats: "num_repeats",
  caption_extention: "caption_extension",
};

/** Those of `given` (sd-scripts' names of flags) that decide nothing beside the file. Throws UserError for a wrong file. */
export function overriddenFlags(path: string, given: readonly string[], supports: Supports): string[] {
  const file = readDatasetFile(path, supports);
  const keys = { ...generalTable(TRAIN_NETWORK), ...subsetTable("dreambooth", TRAIN_NETWORK) };
  return given.filter((flag) => {
    if (IMAGES.includes(flag)) return true;
    const key = RENAMED[flag] ?? flag;
    return Object.hasOwn(keys, key) && saidEverywhere(file, key);
  });
}

function saidEverywhere({ general, datasets }: DatasetFile, key: string): boolean {
  return key in general ||
    datasets.length > 0 &&
      datasets.every(({ values, subsets }) =>
        key in values || subsets.length > 0 && subsets.every((subset) => key in subset)
      );
}

/** What is said of flags beside --dataset_config, in one line. Throws UserError for a wrong file. */
export function besideDatasetFile(
  config: { readonly datasetConfig: string | null; readonly maskedLoss?: boolean },
  given: readonly string[],
  supports: Supports = supportsOf(config),
): string[] {
  const { datasetConfig: path } = config;
  if (path === null) return [];
  const flags = overriddenFlags(path, given, supports).map((name) => `--${name}`);
  if (flags.length === 0) return [];
  return [
    `${path} decides in place of ${listed(flags)}, which ${flags.length > 1 ? "have" : "has"} no effect`,
  ];
}
