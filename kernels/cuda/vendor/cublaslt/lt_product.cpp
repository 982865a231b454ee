#include "lt_product.h"

#include <algorithm>

#include "../../device.h"

namespace easel {
namespace {

int lt_type(int32_t dtype) { return dtype == EASEL_F32 ? kLtF32 : dtype == EASEL_F16 ? kLtF16 : kLtBf16; }

constexpr int64_t kMostCalls = 64;

}  // namespace

bool LtProduct::expresses(const ProductPlan& p) {
  constexpr int64_t kMost = int64_t(1) << 31;
  if (p.K == 0) return false;
  if (p.sums.present() && (p.bias.present() || p.residual.present())) return false;
  for (const int64_t side : {p.M, p.N, p.K, p.lda, p.ldb, p.ldy, p.batch})
    if (side >= kMost) return false;
  return p.batch / p.inner <= kMostCalls || p.inner == 1;
}

LtProduct::LtProduct(Device& device, const CublasLt& library, const ProductPlan& plan, size_t limit)
    : device_(device), library_(library), plan_(plan) {
  try {
    describe();
    ask(limit);
  } catch (...) {
    release();
    throw;
  }
}

LtProduct::~LtProduct() { release(); }

void LtProduct::release() {
  if (preference_) library_.preference_destroy(preference_);
  for (LtLayout layout : {a_, b_, y_})
    if (layout) library_.layout_destroy(layout);
  if (description_) library_.description_destroy(description_);
}

// The library's first operand is our second: y's transpose is b's transpose times a's, and a matrix by rows
// is its transpose by columns.
void LtProduct::describe() {
  const ProductPlan& p = plan_;
  const int64_t outer = p.batch / p.inner;
  const bool even = p.a_outer == p.inner * p.a_inner && p.b_outer == p.inner * p.b_inner &&
                    p.y_outer == p.inner * p.y_inner;
  inner_ = p.inner > 1;
  members_ = int32_t(inner_ && outer > 1 && !even ? p.inner : p.batch);
  calls_ = p.batch / members_;
  const CublasLt& lt = library_;
  const int type = lt_type(p.dtype);
  lt.check(lt.description_create(&description_, kLtCompute32F, kLtF32), "cublasLtMatmulDescCreate");
  const auto set = [&](int attribute, const auto& value) {
    lt.check(lt.description_set(description_, attribute, &value, sizeof value),
             "cublasLtMatmulDescSetAttribute");
  };
  set(kLtTransA, p.trans_b ? kLtTransposed : kLtPlain);
  set(kLtTransB, p.trans_a ? kLtTransposed : kLtPlain);
  if (p.bias.present()) set(kLtEpilogue, kLtEpilogueBias);
  const auto layout = [&](LtLayout& made, int type, int64_t rows, int64_t columns, int64_t ld) {
    lt.check(lt.layout_create(&made, type, uint64_t(columns), uint64_t(rows), ld),
             "cublasLtMatrixLayoutCreate");
  };
  layout(a_, type, p.trans_a ? p.K : p.M, p.trans_a ? p.M : p.K, p.lda);
  layout(b_, type, p.trans_b ? p.N : p.K, p.trans_b ? p.K : p.N, p.ldb);
  layout(y_, p.sums.present() ? kLtF32 : type, p.M, p.N, p.ldy);
  if (members_ == 1) return;
  stack(a_, inner_ ? p.a_inner : p.a_outer);
  stack(b_, inner_ ? p.b_inner : p.b_outer);
  stack(y_, inner_ ? p.y_inner : p.y_outer);
}

void LtProduct::stack(LtLayout layout, int64_t stride) const {
  library_.check(library_.layout_set(layout, kLtBatchCount, &members_, sizeof members_),
                 "cublasLtMatrixLayoutSetAttribute");
  library_.check(library_.layout_set(layout, kLtBatchOffset, &stride, sizeof stride),
                 "cublasLtMatrixLayoutSetAttribute");
}

void LtProduct::ask(size_t limit) {
  const CublasLt& lt = library_;
  const Address& y = plan_.sums.present() ? plan_.sums : plan_.y;
  lt.check(lt.preference_create(&preference_), "cublasLtMatmulPreferenceCreate");
  const auto set = [&](int attribute, const auto& value) {
    lt.check(lt.preference_set(preference_, attribute, &value, sizeof value),
             "cublasLtMatmulPreferenceSetAttribute");
  };
  set(kLtWorkspaceBytes, uint64_t(limit));
  set(kLtReductionMask, kLtReduceInFloat);
  const int64_t read = dtype_bytes(plan_.dtype), written = plan_.sums.present() ? 4 : read;
  const int64_t apart = calls_ > 1 ? 1 : 0;
  const uint32_t of_y = alignment(y, apart * plan_.y_outer * written);
  set(kLtAlignmentA, alignment(plan_.b, apart * plan_.b_outer * read));
  set(kLtAlignmentB, alignment(plan_.a, apart * plan_.a_outer * read));
  set(kLtAlignmentC,
      plan_.residual.present() ? alignment(plan_.residual, apart * plan_.y_outer * read) : of_y);
  set(kLtAlignmentD, of_y);
  // A status means that it knows no way; then there is none to try.
  if (lt.heuristics(lt.handle, description_, b_, a_, y_, y_, preference_, kAlgorithms, found_, &count_) != 0)
    count_ = 0;
  count_ = std::min(std::max(count_, 0), kAlgorithms);
  for (int k = 0; k < count_; ++k)
    if (found_[k].status != 0 || found_[k].workspace > limit) count_ = k;
}

void LtProduct::run(int which, const Places& at, const Address& workspace) const {
  static constexpr float kOne = 1, kNone = 0;
  const ProductPlan& p = plan_;
  const int64_t read = dtype_bytes(p.dtype), written = p.sums.present() ? 4 : read;
  if (p.bias.present()) {
    const void* bias = at[kLtBias].get();
    library_.check(library_.description_set(description_, kLtBiasPointer, &bias, sizeof bias),
                   "cublasLtMatmulDescSetAttribute");
  }
  const char *a = at[kLtA].get(), *b = at[kLtB].get();
  char* y = at[kLtResult].get();
  const char* c = p.residual.present() ? at[kLtResidual].get() : y;
  const float* beta = p.residual.present() || p.add ? &kOne : &kNone;
  for (int64_t k = 0; k < calls_; ++k)
    library_.check(library_.matmul(library_.handle, description_, &kOne, b + k * p.b_outer * read, b_,
                                   a + k * p.a_outer * read, a_, beta, c + k * p.y_outer * written, y_,
                                   y + k * p.y_outer * written, y_, &found_[which].algorithm, workspace.get(),
                                   found_[which].workspace, device_.stream),
                   "cublasLtMatmul");
}

}  // namespace easel
