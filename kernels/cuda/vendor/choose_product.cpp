// Which of two ways a product takes: decided once for each kind of product, by trying both.
#include <sstream>

#include "lt_product.h"
#include "trial.h"
#include "vendor.h"

namespace easel {
namespace {

constexpr size_t kWorkspace = 32 << 20;
constexpr char kOwn[] = "own", kRefused[] = "refused", kTheirs[] = "cublaslt ";

const Address& result(const ProductPlan& p) { return p.sums.present() ? p.sums : p.y; }

bool in_place(const ProductPlan& p) {
  return p.residual.present() && !p.residual.in_scratch && p.residual.data == p.y.data;
}

// All that the time of a product depends on.
std::string key_of(const ProductPlan& p, size_t workspace) {
  std::ostringstream s;
  s << dtype_name(p.dtype) << " " << (p.trans_a ? "t" : "n") << (p.trans_b ? "t" : "n") << " " << p.M << "x"
    << p.N << "x" << p.K;
  if (p.batch > 1) s << " of " << p.batch / p.inner << "x" << p.inner;
  if (p.bias.present()) s << " bias";
  if (p.residual.present()) s << (in_place(p) ? " added" : " residual");
  if (p.sums.present()) s << (p.add ? " sums added" : " sums");
  s << ", rows " << p.lda << " " << p.ldb << " " << p.ldy;
  if (p.batch > 1)
    s << ", apart " << p.a_outer << " " << p.a_inner << " " << p.b_outer << " " << p.b_inner << " "
      << p.y_outer << " " << p.y_inner;
  s << ", at";
  for (const Address* at : {&p.a, &p.b, &result(p), &p.bias, &p.residual})
    if (at->present()) s << " " << alignment(*at);
  if (workspace != kWorkspace) s << ", workspace " << workspace;
  return s.str();
}

// Elements from an operand's first to its last.
int64_t span(const ProductPlan& p, int64_t rows, int64_t columns, int64_t ld, int64_t outer, int64_t inner) {
  return (p.batch / p.inner - 1) * outer + (p.inner - 1) * inner + (rows - 1) * ld + columns;
}

Verdict try_product(Device& device, const ProductPlan& plan, const OwnProduct& own, size_t part_bytes,
                    size_t workspace, bool* tried) {
  const int64_t bytes = dtype_bytes(plan.dtype);
  const int32_t dtype = plan.sums.present() ? int32_t(EASEL_F32) : plan.dtype;
  const int64_t columns_a = plan.trans_a ? plan.M : plan.K, rows_a = plan.trans_a ? plan.K : plan.M,
                columns_b = plan.trans_b ? plan.K : plan.N, rows_b = plan.trans_b ? plan.N : plan.K;
  const int64_t count_a = span(plan, rows_a, plan.padded_a ? plan.lda : columns_a, plan.lda, plan.a_outer,
                               plan.a_inner),
                count_b = span(plan, rows_b, columns_b, plan.ldb, plan.b_outer, plan.b_inner),
                count_y = span(plan, plan.M, plan.N, plan.ldy, plan.y_outer, plan.y_inner);
  const int64_t bytes_y = count_y * dtype_bytes(dtype);
  const bool residual = plan.residual.present() && !in_place(plan);
  TrialMemory memory;
  const size_t a = memory.place(alignment(plan.a), count_a * bytes),
               b = memory.place(alignment(plan.b), count_b * bytes),
               y = memory.place(alignment(result(plan)), bytes_y),
               bias = plan.bias.present() ? memory.place(alignment(plan.bias), plan.N * bytes) : 0,
               added = residual ? memory.place(alignment(plan.residual), bytes_y) : 0,
               parts = memory.place(64, int64_t(part_bytes)), room = memory.place(64, int64_t(workspace));
  *tried = memory.take(device);
  if (!*tried) return {};
  ProductPlan p = plan;
  p.a = memory.at(a), p.b = memory.at(b);
  (p.sums.present() ? p.sums : p.y) = memory.at(y);
  if (plan.bias.present()) p.bias = memory.at(bias);
  if (residual) p.residual = memory.at(added);
  if (in_place(plan)) p.residual = p.y;
  fill_for_trial(device, memory.at(a), p.dtype, count_a, 1, p.padded_a ? p.lda : 0, columns_a);
  fill_for_trial(device, memory.at(b), p.dtype, count_b, 2);
  if (plan.bias.present()) fill_for_trial(device, memory.at(bias), p.dtype, p.N, 3);
  if (residual) fill_for_trial(device, memory.at(added), p.dtype, count_y, 4);
  std::vector<Way> ways = {{"easel", own(p, Address(memory.at(parts)))}};
  try {
    const auto theirs = std::make_shared<LtProduct>(device, device.vendor->lt, p, workspace);
    for (int k = 0; k < theirs->algorithms(); ++k)
      ways.push_back({kTheirs + std::to_string(k), LtProduct::run(theirs, k, Address(memory.at(room)))});
    if (ways.size() == 1) return {0, false, "cuBLASLt has no way"};
  } catch (const Failure& e) {
    return {0, true, e.what()};
  }
  const Run reset = [&] {
    fill_for_trial(device, memory.at(y) - 256, dtype, count_y + 512 / dtype_bytes(dtype), 5);
  };
  return try_ways(device, ways, reset, memory.at(y), bytes_y, dtype);
}

// Decides, and remembers it; ours for now when there is no room to try.
std::string decide(Device& device, const std::string& key, const ProductPlan& plan, const OwnProduct& own,
                   size_t part_bytes, size_t workspace) {
  Choices& choices = *device.vendor->choices;
  bool tried = false;
  try {
    const Verdict v = try_product(device, plan, own, part_bytes, workspace, &tried);
    if (!tried) return kOwn;
    const std::string choice = v.refused ? kRefused : v.best ? kTheirs + std::to_string(v.best - 1) : kOwn;
    choices.put(key, {choice, v.text});
    return choice;
  } catch (const LostInTrial& e) {
    choices.put(key, {kRefused, e.what()});  // so that the next start does not try again
    choices.save();
    throw Failure(e.status,
                  std::string(e.what()) + ", in cuBLASLt, which is not asked again for such products");
  }
}

}  // namespace

Run vendor_product(const Instruction& i, const ProductPlan& plan, const OwnProduct& own, size_t part_bytes) {
  Device& device = i.device();
  Vendor& vendor = *device.vendor;
  if (!vendor.lt.usable() || !LtProduct::expresses(plan)) return {};
  const size_t limit = plan.room_bytes ? std::min(plan.room_bytes, kWorkspace) : kWorkspace;
  const std::string key = key_of(plan, limit);
  // Twice where what is remembered names a way that the library does not offer.
  for (const bool again : {false, true}) {
    const Choices::Entry* known = again ? nullptr : vendor.choices->find(key);
    const std::string choice = known ? known->choice : decide(device, key, plan, own, part_bytes, limit);
    if (!choice.starts_with(kTheirs)) return {};
    const int which = atoi(choice.c_str() + strlen(kTheirs));
    try {
      const auto product = std::make_shared<LtProduct>(device, vendor.lt, plan, limit);
      if (which < 0 || which >= product->algorithms()) continue;
      const size_t bytes = product->workspace(which);
      const Address workspace = plan.room_bytes ? Address(plan.room) : Address(i.scratch(bytes));
      return [run = LtProduct::run(product, which, workspace)] {
        try {
          run();
        } catch (const Failure& e) {
          throw Failure(e.status, std::string(e.what()) + "; --no-vendor-libs computes without it");
        }
      };
    } catch (const Failure& e) {
      vendor.choices->put(key, {kRefused, e.what()});
      return {};
    }
  }
  return {};
}

}  // namespace easel
