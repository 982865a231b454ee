/** CLIP's text encoders, and what becomes of their states on the way to the U-Net. */
export { clipL } from "./clip_l.ts";
export { openClip, type OpenClipOptions } from "./open_clip.ts";
export { clipVision, imageEmbeddings, type VisionTower } from "./vision.ts";
export { eosRows, TextStates } from "./text.ts";
export {
  CHUNK,
  firstChunks,
  generationContext,
  type Normalization,
  trainingContext,
  weighted,
} from "./context.ts";
export { type ClipConfig, clipConfig, clipLShapes, openClipShapes } from "./shapes.ts";
