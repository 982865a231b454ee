// NVIDIA's own libraries, where they are installed: other ways of computing products, convolutions and
// attention, taken where they are faster than ours on this card and the result is the same.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "../attention/attention_plan.h"
#include "../product/product_plan.h"
#include "choices.h"
#include "choose.h"
#include "cublaslt/cublaslt.h"
#include "cudnn/cudnn.h"
#include "cudnn/dnn_graphs.h"

namespace easel {

struct DeviceMemory;

struct Vendor {
  // folder: where choices are remembered, "" for nowhere; null: the libraries are not to be used.
  Vendor(Device& device, const char* folder);
  ~Vendor();
  // What doctor shows, a JSON object. Like all here, on the device's thread.
  std::string info() const;

  Device& device;
  CublasLt lt;
  Cudnn dnn;
  bool off;
  std::unique_ptr<Choices> choices;            // where a library is usable
  std::map<std::string, Chosen> chosen;        // the same for this device, by key, with what it takes to run
  std::unique_ptr<DeviceMemory> trial_memory;  // between two trials of one program
  bool warm = false;                           // a trial has brought the card's clocks up
};

// Our kernels' way with other operands of the same shapes and alignment; parts: where parts of K go.
using OwnProduct = std::function<Run(const ProductPlan& plan, const Address& parts)>;

// What is asked of another way of computing the same, but for who is asked.
Question product_question(const Instruction& i, const ProductPlan& plan, const OwnProduct& own,
                          size_t part_bytes);
Question convolution_question(const DnnConvolution& c, int32_t dtype, const Places& at, const OwnWay& own,
                              size_t own_scratch);
Question attention_question(const AttentionPlan& p, const Places& at, const OwnWay& own);
Question gradient_question(const AttentionPlan& p, const Places& at, const OwnWay& own, size_t own_scratch);
Places places_of(const ProductPlan& plan);  // in lt_product.h's order
// Other ways know one product: a second one is computed before by our kernels, and the way adds the result to
// its own. The plan that it is asked for, and the whole by it.
ProductPlan first_of(ProductPlan plan);
Run by_other_way(const Instruction& i, const ProductPlan& plan, const Chosen& way, const Places& at,
                 const Address& scratch);

// The product by cuBLASLt, or an empty Run where our kernels are to do it. part_bytes: what `own` wants for
// parts of K.
Run vendor_product(const Instruction& i, const ProductPlan& plan, const OwnProduct& own, size_t part_bytes);

// The same of cuDNN. at: operands in this order, bias and residual may be absent; the weights are (O, KH, KW,
// I), but for the result of kBackwardWeight, which is (O, I, KH, KW).
enum ConvOperand { kConvX, kConvW, kConvY, kConvBias, kConvResidual };
Run vendor_convolution(const Instruction& i, DnnConvolution::Way way, const Conv2dShape& shape, int32_t dtype,
                       const Places& at, const OwnWay& own, size_t own_scratch);

enum AttentionOperand { kAttentionOut, kAttentionLse, kAttentionQ, kAttentionK, kAttentionV };
Run vendor_attention(const Instruction& i, const AttentionPlan& p, const Places& at, const OwnWay& own);

enum GradientOperand {
  kGradientDq,
  kGradientDk,
  kGradientDv,
  kGradientDy,
  kGradientQ,
  kGradientK,
  kGradientV,
  kGradientOut,
  kGradientLse
};
Run vendor_attention_backward(const Instruction& i, const AttentionPlan& p, const Places& at,
                              const OwnWay& own, size_t own_scratch);

}  // namespace easel
