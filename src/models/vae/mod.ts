/** The autoencoder between pictures and latents. */
export {
  encode,
  encodeDown,
  encodeMiddle,
  type LatentDistribution,
  moments,
  sampleLatents,
} from "./encoder.ts";
export { decode, decodeMiddle, decodeUp } from "./decoder.ts";
export type { VaeOptions } from "./blocks.ts";
export { type VaeConfig, vaeConfig, vaeLatent, vaeShapes } from "./shapes.ts";
