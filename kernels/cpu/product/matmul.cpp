// matmul(a, b[, bias][, residual][, c, d]; transA, transB, hasBias, hasResidual, hasSecond): compute-bound.
// bf16 goes to bf16_product.h where the processor multiplies it; without AMX, with few rows or short sums, to
// a oneDNN primitive made once, and one more that adds the second product. All else goes to float_product.h.
#include "../../executor/shapes/product/matmul.h"

#include "../../executor/shapes/product/addends.h"
#include "../onednn.h"
#include "bf16_product.h"
#include "float_product.h"

namespace easel {
namespace {

using dnnl::memory;

template <typename T>
Run convert_from(Place to, const T* from, int64_t n) {
  return [=] {
    float* y = reinterpret_cast<float*>(to.get());
    parallel_for(n, 1 << 15, [=](int64_t begin, int64_t end) {
#pragma omp simd
      for (int64_t k = begin; k < end; ++k) y[k] = to_float(from[k]);
    });
  };
}

template <typename T>
Run convert_to(T* to, Place from, int64_t n) {
  return [=] {
    const float* x = reinterpret_cast<const float*>(from.get());
    parallel_for(n, 1 << 15, [=](int64_t begin, int64_t end) {
#pragma omp simd
      for (int64_t k = begin; k < end; ++k) to[k] = from_float<T>(x[k]);
    });
  };
}

memory::desc matrix(int64_t B, int64_t rows, int64_t columns, bool transposed, bool stacked,
                    memory::data_type type) {
  const memory::dim r = transposed ? 1 : columns, c = transposed ? rows : 1;
  if (!stacked) return {{rows, columns}, type, memory::dims{r, c}};
  return {{B, rows, columns}, type, memory::dims{rows * columns, r, c}};
}

dnnl::matmul::primitive_desc product_desc(const memory::desc& a, const memory::desc& b,
                                          const memory::desc* bias, const memory::desc& y, bool residual,
                                          bool accumulate) {
  dnnl::primitive_attr attributes = base_attributes();
  dnnl::post_ops post;
  if (residual) post.append_binary(dnnl::algorithm::binary_add, y);
  if (accumulate) post.append_sum();
  attributes.set_post_ops(post);
  const dnnl::matmul::desc d = bias ? dnnl::matmul::desc(a, b, *bias, y) : dnnl::matmul::desc(a, b, y);
  return {d, attributes, onednn_engine(), true};
}

// By oneDNN in the operands' own type; null where it has only reference loops for it.
Run build(const Instruction& i, const Product& p) {
  const memory::data_type type = onednn_type(p.a.dtype);
  const bool stacked = p.B > 1;
  const memory::desc a = matrix(p.B, p.M, p.K, p.trans_a, stacked, type);
  const memory::desc b = matrix(p.B, p.K, p.N, p.trans_b, stacked, type);
  const memory::desc y =
      matrix(p.B, p.M, p.N, false, stacked, p.out.dtype == EASEL_F32 ? memory::data_type::f32 : type);
  const memory::desc bias = stacked ? memory::desc({1, 1, p.N}, type, memory::format_tag::abc)
                                    : memory::desc({1, p.N}, type, memory::format_tag::ab);
  const auto describe = [&](bool residual) {
    return product_desc(a, b, p.bias ? &bias : nullptr, y, residual, p.accumulate);
  };
  dnnl::matmul::primitive_desc pd = describe(false);
  if (!pd || is_slow(pd.impl_info_str())) return nullptr;
  bool fused = p.residual != nullptr;
  if (fused) {  // unless that leads to another, slower implementation
    const auto with = describe(true);
    fused = with && !strcmp(with.impl_info_str(), pd.impl_info_str());
    if (fused) pd = with;
  }
  Sequence steps;
  const auto place = [](const Tensor& t) { return Place{t.data, {}}; };
  Call call(i, dnnl::matmul(pd), pd.scratchpad_desc());
  call.add(DNNL_ARG_SRC, a, place(p.a));
  call.add(DNNL_ARG_WEIGHTS, b, place(p.b));
  if (p.bias) call.add(DNNL_ARG_BIAS, bias, place(*p.bias));
  if (fused) call.add(DNNL_ARG_ATTR_MULTIPLE_POST_OP(0) | DNNL_ARG_SRC_1, y, place(*p.residual));
  call.add(DNNL_ARG_DST, y, place(p.out));
  steps.add(std::move(call));
  if (p.residual && !fused) steps.add(add_in_place(i, p.out, *p.residual));
  return std::move(steps).finish();
}

}  // namespace

inline namespace EASEL_ISA {

Place as_float(const Instruction& i, const Tensor& x, Sequence& steps) {
  if (x.dtype == EASEL_F32) return {x.data, {}};
  const Place place{nullptr, i.scratch(size_t(x.count()) * sizeof(float))};
  if (x.dtype == EASEL_BF16)
    steps.add(convert_from(place, x.as<bf16>(), x.count()));
  else
    steps.add(convert_from(place, x.as<f16>(), x.count()));
  return place;
}

Place float_output(const Instruction& i, const Tensor& y, Run* afterwards) {
  if (y.dtype == EASEL_F32) return {y.data, {}};
  const Place place{nullptr, i.scratch(size_t(y.count()) * sizeof(float))};
  *afterwards = y.dtype == EASEL_BF16 ? convert_to(y.as<bf16>(), place, y.count())
                                      : convert_to(y.as<f16>(), place, y.count());
  return place;
}

Run copy_residual(const Tensor& y, const Tensor& residual) {
  return [bytes = y.count() * dtype_bytes(y.dtype), p = y.data, r = residual.data] {
    if (p == r) return;
    parallel_for(bytes, 1 << 18,
                 [=](int64_t begin, int64_t end) { std::copy(r + begin, r + end, p + begin); });
  };
}

Run add_in_place(const Instruction& i, const Tensor& y, const Tensor& residual) {
  return dispatch(i, y.dtype, [&](auto type) -> Run {
    using T = typename decltype(type)::type;
    return [n = y.count(), p = y.as<T>(), r = residual.as<T>()] {
      parallel_for(n, 1 << 15, [=](int64_t begin, int64_t end) {
#pragma omp simd
        for (int64_t k = begin; k < end; ++k) p[k] = from_float<T>(to_float(p[k]) + to_float(r[k]));
      });
    };
  });
}

// A product and its second one, each by oneDNN.
static Run one_by_one(const Instruction& i, const Product& p) {
  Product first = p, second = p;
  first.second_K = second.second_K = 0;
  second.a = *p.second_a;
  second.b = *p.second_b;
  second.bias = second.residual = nullptr;
  second.K = p.second_K;
  second.accumulate = true;
  Sequence steps;
  steps.add(prepare_product(i, first));
  steps.add(prepare_product(i, second));
  return std::move(steps).finish();
}

// For what only adds.
static Run clear_and_add(const Instruction& i, Product p) {
  Sequence steps;
  steps.add([y = p.out.data, bytes = p.out.bytes()] {
    parallel_for(bytes, 1 << 18,
                 [=](int64_t begin, int64_t end) { std::memset(y + begin, 0, size_t(end - begin)); });
  });
  p.fresh = false;
  steps.add(prepare_product(i, p));
  return std::move(steps).finish();
}

Run prepare_product(const Instruction& i, const Product& p) {
  i.require(p.B > 0 && p.M > 0 && p.N > 0 && p.K > 0, "an operand is empty");
  if (Run run = bf16_product(i, p)) return run;
  i.require(p.b.dtype == p.a.dtype, "operands need one dtype here");
  if (p.fresh) return clear_and_add(i, p);
  if (float_product_pays(p)) return float_product(i, p);
  if (p.second_K) return one_by_one(i, p);
  if (Run run = build(i, p)) return run;
  return float_product(i, p);
}

Run prepare_matmul(const Instruction& i) {
  const SecondProduct second = second_product(i);
  const auto [bias, residual] = addends(i, ATTR_MATMUL_HAS_BIAS, ATTR_MATMUL_HAS_RESIDUAL, second.a ? 2 : 0);
  const MatmulShape s = matmul_shape(i, true);
  Product p{i.in(0), i.in(1), i.out(0), bias, residual, s.trans_a, s.trans_b, s.batch, s.M, s.N, s.K};
  p.second_a = second.a;
  p.second_b = second.b;
  if (second.a) p.second_K = second.shape.K;
  return prepare_product(i, p);
}

// matmulAccumulate(target f32, a, b; transA, transB, fresh)
Run prepare_matmul_accumulate(const Instruction& i) {
  const MatmulShape s = matmul_accumulate_shape(i);
  const bool fresh = i.attr(ATTR_MATMUL_ACCUMULATE_FRESH) != 0;
  return prepare_product(i, {i.in(1), i.in(2), i.in(0), nullptr, nullptr, s.trans_a, s.trans_b, s.batch, s.M,
                             s.N, s.K, true, fresh});
}

}  // namespace EASEL_ISA
}  // namespace easel
