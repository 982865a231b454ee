// Attention by cuDNN, where nothing is hidden.
#include <sstream>

#include "../device.h"
#include "cudnn/dnn_graphs.h"
#include "cudnn/dnn_ways.h"
#include "vendor.h"

namespace easel {
namespace {

// Its gradient keeps all scores, for the same result in each run.
constexpr size_t kWorkspace = 256 << 20;
constexpr size_t kPlans = 2;  // each is compiled, which takes a second or so
constexpr double kLseApart = 1e-4;

DnnAttention describe_plan(const AttentionPlan& p) {
  return {dnn_type(p.dtype), p.batch, p.heads.heads, p.heads.width, p.heads.queries, p.heads.keys};
}

std::string key_of(const char* what, const AttentionPlan& p) {
  std::ostringstream s;
  s << dtype_name(p.dtype) << " " << what << " " << p.batch << "x" << p.heads.heads << ", " << p.heads.queries
    << "x" << p.heads.keys << " of " << p.heads.width << ", scale " << p.heads.scale;
  return s.str();
}

// cuDNN's graphs say that everything is aligned to 16 bytes.
bool expressible(const Cudnn& library, const AttentionPlan& p, const Places& at) {
  if (!library.usable() || p.heads.causal || p.heads.width % 8) return false;
  return std::all_of(at.begin(), at.end(), [](const Address& a) { return alignment(a) >= 16; });
}

}  // namespace

Question attention_question(const AttentionPlan& p, const Places& at, const OwnWay& own) {
  const int64_t queries = p.batch * p.heads.queries * p.heads.row,
                keys = p.batch * p.heads.keys * p.heads.row;
  Question q;
  q.key = key_of("attention", p);
  q.operands = {{at[kAttentionOut], p.dtype, queries, true},
                {at[kAttentionLse], EASEL_F32, p.stack() * p.heads.queries, true},
                {at[kAttentionQ], p.dtype, queries},
                {at[kAttentionK], p.dtype, keys},
                {at[kAttentionV], p.dtype, keys}};
  q.operands[kAttentionLse].allowed = kLseApart;
  q.own = own;
  return q;
}

Run vendor_attention(const Instruction& i, const AttentionPlan& p, const Places& at, const OwnWay& own) {
  const Cudnn& library = i.device().vendor->dnn;
  if (!expressible(library, p, at)) return {};
  Question q = attention_question(p, at, own);
  q.theirs = "cudnn";
  q.ask = [&](int id) {
    const auto ways = std::make_shared<DnnWays>(library);
    const DnnAttentionIds ids = describe(ways->graph, describe_plan(p));
    ways->bind(ids.out, kAttentionOut);
    ways->bind(ids.lse, kAttentionLse);
    ways->bind(ids.q, kAttentionQ);
    ways->bind(ids.k, kAttentionK);
    ways->bind(ids.v, kAttentionV);
    ways->bind_number(ids.scale, p.heads.scale);
    ways->find(kPlans, kWorkspace, false, id);
    return ways;
  };
  return choose(i, q);
}

Question gradient_question(const AttentionPlan& p, const Places& at, const OwnWay& own, size_t own_scratch) {
  const int64_t queries = p.batch * p.heads.queries * p.heads.row,
                keys = p.batch * p.heads.keys * p.heads.row, rows = p.stack() * p.heads.queries;
  Question q;
  q.key = key_of("attention gradient", p);
  q.operands = {{at[kGradientDq], p.dtype, queries, true}, {at[kGradientDk], p.dtype, keys, true},
                {at[kGradientDv], p.dtype, keys, true},    {at[kGradientDy], p.dtype, queries},
                {at[kGradientQ], p.dtype, queries},        {at[kGradientK], p.dtype, keys},
                {at[kGradientV], p.dtype, keys},           {at[kGradientOut], p.dtype, queries},
                {at[kGradientLse], EASEL_F32, rows}};
  q.own = own;
  q.own_scratch = own_scratch;
  return q;
}

Run vendor_attention_backward(const Instruction& i, const AttentionPlan& p, const Places& at,
                              const OwnWay& own, size_t own_scratch) {
  const Cudnn& library = i.device().vendor->dnn;
  if (!expressible(library, p, at)) return {};
  Question q = gradient_question(p, at, own, own_scratch);
  q.theirs = "cudnn";
  q.ask = [&](int id) {
    const auto ways = std::make_shared<DnnWays>(library);
    const DnnAttentionIds ids = describe_backward(ways->graph, describe_plan(p));
    ways->bind(ids.dq, kGradientDq);
    ways->bind(ids.dk, kGradientDk);
    ways->bind(ids.dv, kGradientDv);
    ways->bind(ids.dout, kGradientDy);
    ways->bind(ids.q, kGradientQ);
    ways->bind(ids.k, kGradientK);
    ways->bind(ids.v, kGradientV);
    ways->bind(ids.out, kGradientOut);
    ways->bind(ids.lse, kGradientLse);
    ways->bind_number(ids.scale, p.heads.scale);
    ways->bind_number(ids.one, 1);
    ways->bind_scratch(ids.delta, size_t(p.stack() * p.heads.queries) * sizeof(float));
    ways->find(kPlans, kWorkspace, false, id);
    return ways;
  };
  return choose(i, q);
}

}  // namespace easel
