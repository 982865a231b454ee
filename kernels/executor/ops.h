// Every opcode with the name of its prepare function: the backends declare the functions and fill their
// tables from it.
#pragma once
// clang-format off
#define EASEL_OPS(X)                                                                 \
  X(FILL, fill) X(COPY, copy) X(ACCUMULATE, accumulate) X(CAST, cast)                \
  X(AFFINE, affine) X(UNARY, unary) X(UNARY_BACKWARD, unary_backward)                \
  X(BINARY, binary) X(SUM, sum) X(BROADCAST, broadcast) X(PERMUTE, permute)          \
  X(SLICE, slice) X(SLICE_BACKWARD, slice_backward) X(CONCAT, concat)                \
  X(EMBEDDING, embedding) X(EMBEDDING_BACKWARD, embedding_backward)                  \
  X(UPSAMPLE_NEAREST, upsample_nearest)                                              \
  X(UPSAMPLE_NEAREST_BACKWARD, upsample_nearest_backward)                            \
  X(MATMUL, matmul) X(CONV2D, conv2d)                                                \
  X(CONV2D_BACKWARD_INPUT, conv2d_backward_input)                                    \
  X(CONV2D_BACKWARD_WEIGHT, conv2d_backward_weight)                                  \
  X(GROUP_NORM, group_norm) X(GROUP_NORM_BACKWARD, group_norm_backward)              \
  X(GROUP_NORM_BACKWARD_PARAMS, group_norm_backward_params)                          \
  X(LAYER_NORM, layer_norm) X(LAYER_NORM_BACKWARD, layer_norm_backward)              \
  X(LAYER_NORM_BACKWARD_PARAMS, layer_norm_backward_params)                          \
  X(ATTENTION, attention) X(ATTENTION_BACKWARD, attention_backward)                  \
  X(GEGLU, geglu) X(GEGLU_BACKWARD, geglu_backward) X(ADAMW, adamw)            \
  X(ADAMW_OUTCOME, adamw_outcome) X(MATMUL_ACCUMULATE, matmul_accumulate) \
  X(CHAIN, chain) X(CONV2D_ACCUMULATE, conv2d_accumulate)
