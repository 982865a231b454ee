// Products by cuBLASLt.
#include <sstream>

#include "../device.h"
#include "choose.h"
#include "cublaslt/lt_product.h"
#include "vendor.h"

namespace easel {
namespace {

constexpr size_t kWorkspace = 32 << 20;

const Address& result(const ProductPlan& p) { return p.sums.present() ? p.sums : p.y; }

std::string key_of(const ProductPlan& p, size_t workspace) {
  std::ostringstream s;
  s << dtype_name(p.dtype) << " " << (p.trans_a ? "t" : "n") << (p.trans_b ? "t" : "n") << " " << p.M << "x"
    << p.N << "x" << p.K;
  if (p.batch > 1) s << " of " << p.batch / p.inner << "x" << p.inner;
  if (p.bias.present()) s << " bias";
  if (p.residual.present()) s << " residual";
  if (p.second_K) s << " second " << p.second_K << " rows " << p.second_lda << " " << p.second_ldb;
  if (p.sums.present()) s << (p.add ? " sums added" : " sums");
  s << ", rows " << p.lda << " " << p.ldb << " " << p.ldy;
  if (p.batch > 1)
    s << ", apart " << p.a_outer << " " << p.a_inner << " " << p.b_outer << " " << p.b_inner << " "
      << p.y_outer << " " << p.y_inner;
  if (workspace != kWorkspace) s << ", workspace " << workspace;
  return s.str();
}

// Elements from an operand's first to its last.
int64_t span(const ProductPlan& p, int64_t rows, int64_t columns, int64_t ld, int64_t outer, int64_t inner) {
  return (p.batch / p.inner - 1) * outer + (p.inner - 1) * inner + (rows - 1) * ld + columns;
}

std::vector<Question::Operand> operands_of(const ProductPlan& p) {
  const int32_t written = p.sums.present() ? int32_t(EASEL_F32) : p.dtype;
  const int64_t columns_a = p.trans_a ? p.M : p.K, rows_a = p.trans_a ? p.K : p.M,
                columns_b = p.trans_b ? p.K : p.N, rows_b = p.trans_b ? p.N : p.K;
  const int64_t count_y = span(p, p.M, p.N, p.ldy, p.y_outer, p.y_inner);
  std::vector<Question::Operand> all(kLtOperands);
  all[kLtA] = {p.a, p.dtype, span(p, rows_a, p.padded_a ? p.lda : columns_a, p.lda, p.a_outer, p.a_inner)};
  if (p.padded_a) all[kLtA].row = p.lda, all[kLtA].filled = columns_a;
  all[kLtB] = {p.b, p.dtype, span(p, rows_b, columns_b, p.ldb, p.b_outer, p.b_inner)};
  all[kLtResult] = {result(p), written, count_y, true};
  all[kLtBias] = {p.bias, p.dtype, p.N};
  all[kLtResidual] = {p.residual, p.dtype, count_y};
  const auto matrix = [&](int64_t rows, int64_t columns, int64_t ld) { return (rows - 1) * ld + columns; };
  if (p.second_K) {
    const int64_t K = p.second_K;
    all[kLtSecondA] = {p.second_a, p.dtype, matrix(p.trans_a ? K : p.M, p.trans_a ? p.M : K, p.second_lda)};
    all[kLtSecondB] = {p.second_b, p.dtype, matrix(p.trans_b ? p.N : K, p.trans_b ? K : p.N, p.second_ldb)};
  }
  return all;
}

// A plan's second product with the residual, at such places; another way adds the first one and the bias.
ProductPlan second_alone(ProductPlan p, const Places& at) {
  p.a = at[kLtSecondA], p.b = at[kLtSecondB], p.y = at[kLtResult], p.residual = at[kLtResidual];
  p.K = p.second_K, p.lda = p.second_lda, p.ldb = p.second_ldb;
  p.second_K = 0;
  p.bias = {};
  return p;
}

}  // namespace

Places places_of(const ProductPlan& p) {
  return {p.a, p.b, result(p), p.bias, p.residual, p.second_a, p.second_b};
}

ProductPlan first_of(ProductPlan p) {
  if (p.second_K) p.residual = p.y;
  return p;
}

Run by_other_way(const Instruction& i, const ProductPlan& plan, const Chosen& way, const Places& at,
                 const Address& scratch) {
  if (!plan.second_K) return [=] { way.ways->run(way.which, at, scratch); };
  Places onto = at;
  onto[kLtResidual] = at[kLtResult];
  return sequence(
      {whole_product(i, second_alone(plan, at)), [=] { way.ways->run(way.which, onto, scratch); }});
}

Question product_question(const Instruction& i, const ProductPlan& plan, const OwnProduct& own,
                          size_t part_bytes) {
  Question q;
  q.key = key_of(plan, kWorkspace);
  q.operands = operands_of(plan);
  q.own = [&plan, own](const Places& at, const Address& parts) {
    ProductPlan p = plan;
    p.a = at[kLtA], p.b = at[kLtB], p.bias = at[kLtBias], p.residual = at[kLtResidual];
    p.second_a = at[kLtSecondA], p.second_b = at[kLtSecondB];
    (p.sums.present() ? p.sums : p.y) = at[kLtResult];
    return own(p, parts);
  };
  q.own_scratch = part_bytes;
  q.run = [&i, &plan](const std::shared_ptr<TheirWays>& ways, int which, const Places& at,
                      const Address& scratch) {
    return by_other_way(i, plan, {ways, which}, at, scratch);
  };
  return q;
}

Run vendor_product(const Instruction& i, const ProductPlan& plan, const OwnProduct& own, size_t part_bytes) {
  Device& device = i.device();
  const CublasLt& library = device.vendor->lt;
  if (!library.usable() || !LtProduct::expresses(plan)) return {};
  // What there is of the plan's room behind the alignment that a workspace wants.
  const size_t before = plan.room_bytes ? std::min(padding(plan.room), plan.room_bytes) : 0;
  const size_t limit = plan.room_bytes ? std::min(plan.room_bytes - before, kWorkspace) : kWorkspace;
  Question q = product_question(i, plan, own, part_bytes);
  q.key = key_of(plan, limit);
  q.theirs = "cublaslt";
  q.ask = [&](int) { return std::make_shared<LtProduct>(device, library, first_of(plan), limit); };
  if (plan.room_bytes) q.room = Address(plan.room, int64_t(before));
  return choose(i, q);
}

}  // namespace easel
