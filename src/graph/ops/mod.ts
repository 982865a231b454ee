/** The ops a model is written with: functions from tensors to tensors. */

export { adamw, type AdamwOperands, adamwOutcome } from "./adamw.ts";
export { affine } from "./affine.ts";
export { attention } from "./attention.ts";
export { add, div, maximum, minimum, mul, sub } from "./binary.ts";
export { broadcastTo } from "./broadcast.ts";
export { cast } from "./cast.ts";
export { dither, finite, select, sign } from "./chained.ts";
export { concat } from "./concat.ts";
export { conv2d } from "./conv2d.ts";
export { detach } from "./detach.ts";
export { embedding } from "./embedding.ts";
export { accumulate, fill, write } from "./fill.ts";
export { geglu } from "./geglu.ts";
export { groupNorm } from "./group_norm.ts";
export { layerNorm } from "./layer_norm.ts";
export { linear, matmul } from "./matmul.ts";
export { permute } from "./permute.ts";
export { blocksOf, CODES, dequantize, dynamicMap, quantize, type Quantized } from "./quantized.ts";
export { reshape } from "./reshape.ts";
export { slice } from "./slice.ts";
export { mean, sum } from "./sum.ts";
export {
  abs,
  cos,
  exp,
  gelu,
  log,
  neg,
  quickGelu,
  reciprocal,
  sigmoid,
  silu,
  sin,
  sqrt,
  square,
  tanh,
} from "./unary.ts";
export { upsampleNearest } from "./upsample.ts";
