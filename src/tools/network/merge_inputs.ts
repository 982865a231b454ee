/** LoRA files about to be merged: of one family, with what they say of themselves. */

import { UserError } from "../../base/errors.ts";
import type { TensorFile } from "../../formats/mod.ts";
import { FAMILIES, type Family } from "../../models/mod.ts";
import { familyOfLora, fileModules, type MergeInput, textWidthOfLora } from "../../networks/mod.ts";

/** The one family that all are for; without a telling key it is as sd-scripts' metadata or `v2` say. Throws UserError. */
export function loraFamily(files: readonly TensorFile[], v2 = false): Family {
  const families = files.map(familyOfLora), told = families.find((f) => f !== null);
  const isV2 = v2 || files.some(({ metadata }) => metadata.ss_v2 === "True");
  const family = told ?? FAMILIES.find(({ flag }) => flag === (isV2 ? "v2" : "v1"))!;
  families.forEach((f, i) => {
    if (f === null || f === family) return;
    throw new UserError(
      `${files[i].path}: is for ${f.label}, the files before it for ${family.label}; merge LoRAs of one kind`,
    );
  });
  sameWidth(files);
  return family;
}

/** Families are told apart by it, and models of none that is known too. Throws UserError. */
function sameWidth(files: readonly TensorFile[]): void {
  let first: { path: string; width: number } | undefined;
  for (const file of files) {
    const { path } = file, width = textWidthOfLora(file);
    if (width === null) continue;
    first ??= { path, width };
    if (width === first.width) continue;
    throw new UserError(
      `${path}: is for a text ${width} wide, ${first.path} for one of ${first.width}; merge LoRAs of one kind of model`,
    );
  }
}

export function mergeInputs(
  files: readonly TensorFile[],
  ratios: readonly number[],
  family: Family,
  note: (line: string) => void,
): MergeInput[] {
  return files.map((file, i) => ({
    path: file.path,
    modules: fileModules(file, family, note),
    ratio: ratios[i],
  }));
}

/** sd-scripts' least metadata of a LoRA, version and base model taken from the first file that names them. */
export function least(
  files: readonly Pick<TensorFile, "metadata">[],
  dim: string,
  alpha: string,
): Record<string, string> {
  const said = (key: string) =>
    files.map(({ metadata }) => metadata[key]).find((value) => value !== undefined);
  const [v2, base] = [said("ss_v2"), said("ss_base_model_version")];
  return {
    ...(v2 === undefined ? {} : { ss_v2: v2 }),
    ...(base === undefined ? {} : { ss_base_model_version: base }),
    ss_network_module: "networks.lora",
    ss_network_dim: dim,
    ss_network_alpha: alpha,
  };
}
