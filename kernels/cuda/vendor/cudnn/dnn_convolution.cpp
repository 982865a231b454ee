// Convolution as cuDNN's graph.
#include "dnn_graphs.h"

namespace easel {

using namespace dnn;

namespace {

// (n, height, width, channels) in memory; the library counts axes as n, channels, height, width.
DnnShape channels_last(int64_t n, int64_t height, int64_t width, int64_t channels) {
  return {{n, channels, height, width}, {height * width * channels, 1, width * channels, channels}};
}

}  // namespace

DnnConvolutionIds describe(DnnGraph& graph, const DnnConvolution& c, const DnnConvolutionIds& alignments) {
  const DnnShape y = channels_last(c.N, c.height, c.width, c.O);
  const DnnGraph::Window window{{c.stride, c.stride}, {c.top, c.left}, {c.bottom, c.right}};
  DnnConvolutionIds ids{};
  ids.x = graph.tensor(c.type, channels_last(c.N, c.H, c.W, c.I), alignments.x);
  ids.w = graph.tensor(c.type, channels_last(c.O, c.KH, c.KW, c.I), alignments.w);
  ids.y = graph.tensor(c.type, y, alignments.y);
  switch (c.way) {
    case DnnConvolution::kBackwardInput:
      graph.convolution(kConvolutionBackwardInput, kBackwardInputAlpha, window, ids.w, ids.x, ids.y);
      break;
    case DnnConvolution::kBackwardWeight:
      graph.convolution(kConvolutionBackwardWeight, kBackwardWeightAlpha, window, ids.w, ids.x, ids.y);
      break;
    case DnnConvolution::kForward: {
      int64_t sums = c.bias ? graph.between(y) : ids.y;
      graph.convolution(kConvolutionForward, kForwardAlpha, window, ids.w, ids.x, sums);
      // The residual before the bias: this order has compiled kernels, the other is compiled when it is asked
      // for, if at all.
      if (c.residual) {
        ids.residual = graph.tensor(c.type, y, alignments.residual);
        const int64_t more = graph.between(y);
        graph.pointwise(kAdd, sums, ids.residual, more);
        sums = more;
      }
      if (c.bias) {
        ids.bias = graph.tensor(c.type, channels_last(1, 1, 1, c.O), alignments.bias);
        graph.pointwise(kAdd, sums, ids.bias, ids.y);
      }
    }
  }
  return ids;
}

}  // namespace easel
