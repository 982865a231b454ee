// The graphs that easel asks cuDNN for.
#pragma once
#include "../../../executor/shapes/product/conv2d.h"
#include "dnn_graph.h"

namespace easel {

// A convolution on channels-last pictures: x (N, H, W, I), w (O, KH, KW, I), y (N, height, width, O).
struct DnnConvolution : Conv2dShape {
  enum Way { kForward, kBackwardInput, kBackwardWeight } way;
  int type;             // cudnnDataType_t
  bool bias, residual;  // forward only; residual only together with bias
};
struct DnnConvolutionIds {
  int64_t x, w, y, bias, residual;
};
// alignments: in bytes, of the tensors that there are.
DnnConvolutionIds describe(DnnGraph& graph, const DnnConvolution& c, const DnnConvolutionIds& alignments);

// Attention without a mask: q, out (batch, queries, heads * width), k, v (batch, keys, heads * width), lse
// (batch, heads, queries) in f32.
struct DnnAttention {
  int type;
  int64_t batch, heads, width, queries, keys;
};
struct DnnAttentionIds {
  int64_t q, k, v, out, lse, scale;
  int64_t dout, dq, dk, dv, delta, one;  // of the gradient
};
DnnAttentionIds describe(DnnGraph& graph, const DnnAttention& a);
DnnAttentionIds describe_backward(DnnGraph& graph, const DnnAttention& a);

}  // namespace easel
