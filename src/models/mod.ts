/** The models room's front door: what a file is, its weights, and the graphs that are made of them. */
export * from "./families/mod.ts";
export { loadMissing, loadModel, type LoadOptions, requireFinite, weightOf } from "./load.ts";
export {
  type ModelFile,
  openModel,
  type OpenOptions,
  openVae,
  type Parts,
  partsOf,
  type Place,
} from "./open.ts";
export { openAnyLayout, type PartOptions, type PartRows, partRows } from "./layouts/mod.ts";
export * from "./saving/mod.ts";
export { isInpainting } from "./whole.ts";
export { predictsVelocity } from "./marks.ts";
export { addedTokenDraws, buildingDraws, unetDraws } from "./building_draws.ts";
export {
  type Adapter,
  type Layer,
  type MoreRows,
  type Shapes,
  Weights,
  type WeightsOptions,
} from "./weights.ts";
export { bicubicWeights, interpolated, interpolatedValues, linearWeights } from "./interpolate.ts";
export { conv2d, linear } from "./layers.ts";
export * from "./unet/mod.ts";
export * from "./clip/mod.ts";
export * from "./embeddings/mod.ts";
export * from "./vae/mod.ts";
export * from "./keys/mod.ts";
export * from "./controlnet/mod.ts";
export * from "./guides/mod.ts";
