/** The autoencoder between pictures and latents. */
export {
  encode,
  encoderPieces,
  encodeSmall,
  type LatentDistribution,
  moments,
  sampleLatents,
} from "./encoder.ts";
export { decode, decoderPieces, decodeSmall } from "./decoder.ts";
export { head, type Norm, NORM_EPS, normOfItself, resnet, resnetMiddle, type VaeOptions } from "./blocks.ts";
export type { VaePiece } from "./pieces.ts";
export { type VaeConfig, vaeConfig, vaeLatent, vaeShapes } from "./shapes.ts";
