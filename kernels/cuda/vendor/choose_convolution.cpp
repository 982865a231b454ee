// Convolutions by cuDNN.
#include <sstream>

#include "../device.h"
#include "cudnn/dnn_graphs.h"
#include "cudnn/dnn_ways.h"
#include "vendor.h"

namespace easel {
namespace {

constexpr size_t kWorkspace = 64 << 20;
constexpr size_t kPlans = 4;  // of the library's first guesses
constexpr const char* kWays[] = {"conv2d", "conv2d dx", "conv2d dw"};

std::string key_of(const DnnConvolution& c, int32_t dtype) {
  std::ostringstream s;
  s << dtype_name(dtype) << " " << kWays[c.way] << " " << c.N << "x" << c.H << "x" << c.W << "x" << c.I
    << " to " << c.height << "x" << c.width << "x" << c.O << ", " << c.KH << "x" << c.KW << " by " << c.stride
    << ", pads " << c.top << " " << c.left << " " << c.bottom << " " << c.right;
  if (c.bias) s << ", bias";
  if (c.residual) s << ", residual";
  return s.str();
}

std::shared_ptr<TheirWays> ask(const Cudnn& library, const DnnConvolution& c, const Places& at, bool exact,
                               int id) {
  const auto ways = std::make_shared<DnnWays>(library);
  const auto aligned = [&](size_t k) { return int64_t(alignment(at[k])); };
  const DnnConvolutionIds ids = describe(
      ways->graph, c,
      {aligned(kConvX), aligned(kConvW), aligned(kConvY), aligned(kConvBias), aligned(kConvResidual)});
  ways->bind(ids.x, kConvX);
  ways->bind(ids.w, kConvW);
  ways->bind(ids.y, kConvY);
  if (ids.bias) ways->bind(ids.bias, kConvBias);
  if (ids.residual) ways->bind(ids.residual, kConvResidual);
  ways->find(kPlans, kWorkspace, exact, id);
  return ways;
}

}  // namespace

Question convolution_question(const DnnConvolution& c, int32_t dtype, const Places& at, const OwnWay& own,
                              size_t own_scratch) {
  Question q;
  q.key = key_of(c, dtype);
  const int64_t y = c.N * c.height * c.width * c.O;
  q.operands = {{at[kConvX], dtype, c.N * c.H * c.W * c.I},
                {at[kConvW], dtype, c.O * c.KH * c.KW * c.I},
                {at[kConvY], dtype, y},
                {at[kConvBias], dtype, c.O},
                {at[kConvResidual], dtype, y}};
  q.operands[c.way == DnnConvolution::kForward         ? kConvY
             : c.way == DnnConvolution::kBackwardInput ? kConvX
                                                       : kConvW]
      .result = true;
  q.own = own;
  q.own_scratch = own_scratch;
  return q;
}

Run vendor_convolution(const Instruction& i, DnnConvolution::Way way, const Conv2dShape& shape, int32_t dtype,
                       const Places& at, const OwnWay& own, size_t own_scratch) {
  const Cudnn& library = i.device().vendor->dnn;
  const DnnConvolution c{shape, way, dnn_type(dtype), at[kConvBias].present(), at[kConvResidual].present()};
  if (!library.usable() || (c.residual && !c.bias)) return {};
  Question q = convolution_question(c, dtype, at, own, own_scratch);
  q.theirs = "cudnn";
  q.ask = [&](int id) { return ask(library, c, at, dtype == EASEL_F32, id); };
  if (c.way == DnnConvolution::kBackwardWeight) {
    // The library writes (O, KH, KW, I), files have (O, I, KH, KW).
    const size_t bytes = whole(size_t(q.operands[kConvW].count * dtype_bytes(dtype)));
    q.their_scratch = bytes;
    q.run = [&i, c, dtype, bytes](const std::shared_ptr<TheirWays>& ways, int which, const Places& at,
                                  const Address& scratch) {
      Places packed = at;
      packed[kConvW] = scratch;
      const Run product = [ways, which, packed, workspace = scratch.after(int64_t(bytes))] {
        ways->run(which, packed, workspace);
      };
      return sequence({product, launch(i, kernel_name("pack_weights", dtype), {.grid = blocks(i, c.O * c.I)},
                                       at[kConvW], scratch, c.O, c.KH * c.KW, c.I)});
    };
  }
  return choose(i, q);
}

}  // namespace easel
