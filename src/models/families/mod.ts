/** Families of models as values, and which of them a file holds. */
export * from "./family.ts";
export { publishedShapes } from "./published.ts";
export { FAMILIES, familyNamed } from "./table.ts";
export {
  checkFlags,
  checkpointFamily,
  describe,
  identify,
  type Identity,
  LABELS,
  NOTHING_KNOWN,
} from "./identify.ts";
export { textStates } from "./clip_text.ts";
export { type BlockTable, sdBlocks, sdxlBlocks } from "./blocks.ts";
export { sizedVector, type Sizes } from "./sizes.ts";
export { unetDenoiser } from "./unet_family.ts";
