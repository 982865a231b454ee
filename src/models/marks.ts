/** What a model says of how it predicts: single files by empty tensors or their metadata, folders by their scheduler. */

import { isFolder } from "../base/files/exists.ts";
import type { Family } from "./families/family.ts";
import { type Config, readFolderScheduler } from "./layouts/scheduler.ts";

export interface Marks {
  readonly vPrediction: boolean;
  readonly zeroTerminalSnr: boolean;
}

/** The marks of a model whose tensors `has` knows. */
export function marksOf(path: string, has: (key: string) => boolean): Marks {
  const scheduler: Config = (isFolder(path) ? readFolderScheduler(path) : null) ?? {};
  return {
    vPrediction: has("v_pred") || scheduler.prediction_type === "v_prediction",
    zeroTerminalSnr: has("ztsnr") || scheduler.rescale_betas_zero_snr === true,
  };
}

/**
 * Whether a model predicts velocity, as far as it says. A file that says nothing is taken for what most of its family are;
 * a folder's scheduler that says nothing means that it does not.
 */
export function predictsVelocity({ marks, metadata, family, isFolder }: {
  readonly marks: Marks;
  readonly metadata: Readonly<Record<string, string>>;
  readonly family: Family;
  readonly isFolder: boolean;
}): boolean {
  if (marks.vPrediction || isFolder) return marks.vPrediction;
  const said = metadata["modelspec.prediction_type"];
  return said === undefined ? family.spec.mergedVelocity : said === "v";
}
