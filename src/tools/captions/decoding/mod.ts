/** From a model's logits to a text. */
export { beamSearch } from "./beams.ts";
export { greedy } from "./greedy.ts";
export { type Nucleus, nucleus, nucleusProbabilities } from "./nucleus.ts";
export type { Limits, NextLogits } from "./steps.ts";
