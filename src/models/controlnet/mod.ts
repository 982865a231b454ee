/** ControlNet and ControlNet-LLLite: graphs, keys and files. */
export { type Control, controlNet, hintFeatures } from "./controlnet.ts";
export { CONTROL, type ControlLevels, controlPlaces, originalControlKeys } from "./keys.ts";
export {
  type LLLite,
  llliteAdapter,
  llliteEmbedding,
  type LLLiteModule,
  llliteModules,
  llliteShapes,
  type LLLiteSizes,
  llliteTensors,
} from "./lllite.ts";
export { controlDraws, controlShapes, firstControlWeights } from "./made.ts";
export { saveControlNet, type SavedControl } from "./save.ts";
export { type ControlFile, type LowRank, openControlNet, openLLLite, type Steered } from "./file.ts";
