/** Every op that becomes an instruction. The position is the opcode; the C header is generated from this list. */

import type { Op } from "../graph.ts";
import { adamwOp, adamwOutcomeOp } from "./adamw.ts";
import { affineOp } from "./affine.ts";
import { attentionBackwardOp, attentionOp } from "./attention.ts";
import { binaryOp } from "./binary.ts";
import { broadcastOp } from "./broadcast.ts";
import { castOp } from "./cast.ts";
import { chainOp } from "./chain.ts";
import { concatOp } from "./concat.ts";
import { conv2dAccumulateOp, conv2dBackwardInputOp, conv2dBackwardWeightOp, conv2dOp } from "./conv2d.ts";
import { embeddingBackwardOp, embeddingOp } from "./embedding.ts";
import { accumulateOp, copyOp, fillOp } from "./fill.ts";
import { gegluBackwardOp, gegluOp } from "./geglu.ts";
import { groupNormBackwardOp, groupNormBackwardParamsOp, groupNormOp } from "./group_norm.ts";
import { layerNormBackwardOp, layerNormBackwardParamsOp, layerNormOp } from "./layer_norm.ts";
import { matmulOp } from "./matmul.ts";
import { matmulAccumulateOp } from "./matmul_accumulate.ts";
import { permuteOp } from "./permute.ts";
import { sliceBackwardOp, sliceOp } from "./slice.ts";
import { sumOp } from "./sum.ts";
import { unaryBackwardOp, unaryOp } from "./unary.ts";
import { upsampleNearestBackwardOp, upsampleNearestOp } from "./upsample.ts";

export const OPS: readonly Op[] = [
  fillOp,
  copyOp,
  accumulateOp,
  castOp,
  affineOp,
  unaryOp,
  unaryBackwardOp,
  binaryOp,
  sumOp,
  broadcastOp,
  permuteOp,
  sliceOp,
  sliceBackwardOp,
  concatOp,
  embeddingOp,
  embeddingBackwardOp,
  upsampleNearestOp,
  upsampleNearestBackwardOp,
  matmulOp,
  conv2dOp,
  conv2dBackwardInputOp,
  conv2dBackwardWeightOp,
  groupNormOp,
  groupNormBackwardOp,
  groupNormBackwardParamsOp,
  layerNormOp,
  layerNormBackwardOp,
  layerNormBackwardParamsOp,
  attentionOp,
  attentionBackwardOp,
  gegluOp,
  gegluBackwardOp,
  adamwOp,
  adamwOutcomeOp,
  matmulAccumulateOp,
  chainOp,
  conv2dAccumulateOp,
];
