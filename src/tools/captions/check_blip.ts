/** What is refused of `easel make_captions` before anything is loaded. */

import { UsageError } from "../../base/errors.ts";
import { hubName } from "../../base/files/hub_name.ts";
import { BLIP_ADDRESS, type BlipConfig } from "./options.ts";

/** Throws UsageError for lengths that contradict each other, and for a model that is only an address. */
export function checkBlip({ captionWeights, maxLength, minLength }: Omit<BlipConfig, "trainDataDir">): void {
  if (minLength > maxLength) {
    throw new UsageError(`--min_length ${minLength}: is more than --max_length ${maxLength}`);
  }
  if (!/^https?:/.test(captionWeights) || hubName(captionWeights) !== null) return;
  const given = captionWeights === BLIP_ADDRESS ? "is needed: the model" : `${captionWeights}:`;
  throw new UsageError(
    `--caption_weights ${given} is not fetched from its address; fetch model_large_caption.pth ` +
      "and give its path, or a BLIP model's name on the hub",
  );
}
