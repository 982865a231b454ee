// Attention and its gradient as cuDNN's graphs: the patterns that the library knows as one computation, after
// "Scaled Dot Product Attention" in its documentation. Scores and weights exist only between operations.
#include "dnn_graphs.h"

namespace easel {

using namespace dnn;

namespace {

struct Shapes {
  explicit Shapes(const DnnAttention& a)
      : queries{{a.batch, a.heads, a.queries, a.width},
                {a.queries * a.heads * a.width, a.width, a.heads * a.width, 1}},
        keys{{a.batch, a.heads, a.keys, a.width},
             {a.keys * a.heads * a.width, a.width, a.heads * a.width, 1}},
        row{{a.batch, a.heads, a.queries, 1}, {a.heads * a.queries, a.queries, 1, 1}},
        scores{{a.batch, a.heads, a.queries, a.keys},
               {a.heads * a.queries * a.keys, a.queries * a.keys, a.keys, 1}} {}
  DnnShape queries, keys, row, scores;
};

}  // namespace

DnnAttentionIds describe(DnnGraph& graph, const DnnAttention& a) {
  const Shapes s(a);
  DnnAttentionIds ids{};
  ids.q = graph.tensor(a.type, s.queries, 16);
  ids.k = graph.tensor(a.type, s.keys.swapped(), 16);
  ids.v = graph.tensor(a.type, s.keys, 16);
  ids.out = graph.tensor(a.type, s.queries, 16);
  ids.lse = graph.tensor(kF32, s.row, 16);
  ids.scale = graph.number();
  const auto score = [&] { return graph.between(s.scores); };
  const auto row = [&] { return graph.between(s.row); };
  const int64_t products = score(), scaled = score(), most = row(), less = score(), powers = score(),
                sum = row(), log = row(), weights = graph.between(s.scores, a.type);
  graph.matmul(ids.q, ids.k, products);
  graph.pointwise(kMul, products, ids.scale, scaled);
  graph.reduce(kMostOf, scaled, most);
  graph.pointwise(kSub, scaled, most, less);
  graph.pointwise(kExp, less, 0, powers);
  graph.reduce(kSumOf, powers, sum);
  graph.pointwise(kLog, sum, 0, log);
  graph.pointwise(kAdd, most, log, ids.lse);
  graph.pointwise(kDiv, powers, sum, weights);
  graph.matmul(weights, ids.v, ids.out);
  return ids;
}

// delta = sum(dout * out), weights = exp(scale q k' - lse), dv = weights' dout,
// ds = (dout v' - delta) * weights * scale, dk = ds' q, dq = ds k.
DnnAttentionIds describe_backward(DnnGraph& graph, const DnnAttention& a) {
  const Shapes s(a);
  DnnAttentionIds ids{};
  ids.q = graph.tensor(a.type, s.queries, 16);
  ids.k = graph.tensor(a.type, s.keys.swapped(), 16);
  ids.v = graph.tensor(a.type, s.keys.swapped(), 16);
  for (int64_t* id : {&ids.out, &ids.dout, &ids.dq}) *id = graph.tensor(a.type, s.queries, 16);
  for (int64_t* id : {&ids.dk, &ids.dv}) *id = graph.tensor(a.type, s.keys, 16);
  for (int64_t* id : {&ids.lse, &ids.delta}) *id = graph.tensor(kF32, s.row, 16);
  ids.scale = graph.number();
  ids.one = graph.number();
  const auto score = [&] { return graph.between(s.scores); };
  const auto transposed = [&](int64_t of) {
    DnnShape t = s.scores.swapped();
    const int64_t view = graph.between(t, a.type);
    graph.reshape(of, view);
    return view;
  };

  const int64_t both = graph.between(s.queries), sums = graph.between(s.row);
  graph.pointwise(kMul, ids.dout, ids.out, both);
  graph.reduce(kSumOf, both, sums);
  graph.pointwise(kMul, sums, ids.one, ids.delta);

  const int64_t products = score(), scaled = score(), less = score(), weights = score();
  graph.matmul(ids.q, ids.k, products);
  graph.pointwise(kMul, products, ids.scale, scaled);
  graph.pointwise(kSub, scaled, ids.lse, less);
  graph.pointwise(kExp, less, 0, weights);
  graph.matmul(transposed(weights), ids.dout, ids.dv);

  const int64_t dweights = score(), centred = score(), unscaled = score(), dscores = score();
  graph.matmul(ids.dout, ids.v, dweights);
  graph.pointwise(kSub, dweights, ids.delta, centred);
  graph.pointwise(kMul, centred, weights, unscaled);
  graph.pointwise(kMul, unscaled, ids.scale, dscores);
  graph.matmul(transposed(dscores), ids.q, ids.dk);
  const int64_t keys = graph.between(s.keys, a.type);
  graph.reshape(ids.k, keys);
  graph.matmul(dscores, keys, ids.dq);
  return ids;
}

}  // namespace easel
