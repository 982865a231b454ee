// A matrix product as the host sees it: matmul, 1x1 convolutions and attention's long way share it.
#pragma once
#include "../address.h"
#include "product.h"

namespace easel {

struct ProductPlan {
  int32_t dtype;
  bool trans_a = false, trans_b = false;
  int64_t M, N, K;
  int64_t lda, ldb, ldy;
  Address a, b, y, bias, residual;
  // A second pair whose product is added, K2 long, transposed as the first; not of a stack.
  Address second_a, second_b;
  int64_t second_K = 0, second_lda = 0, second_ldb = 0;
  // With `sums` the f32 products go there (M x N, ldy apart) in place of y; add: they are added to it.
  Address sums;
  bool add = false;
  bool split_sums = false;  // K may be cut for `sums`, too
  // A stack of batch = outer * inner members and their distances in elements.
  int64_t batch = 1, inner = 1;
  int64_t a_outer = 0, b_outer = 0, y_outer = 0, a_inner = 0, b_inner = 0, y_inner = 0;
  // Where the parts of K go if it is cut; by default scratch of the product's own.
  Scratch room;
  size_t room_bytes = 0;
  // Memory behind A's rows up to a whole chunk holds zeros, so K need not fill its chunks.
  bool padded_a = false;

  bool dense() const { return ldy == N && (batch == 1 || (inner == 1 && y_outer == M * N)); }
};

// Size of a block's tile, and in how many parts K is cut so that a small output still fills the card; the
// last block of a tile adds the parts.
struct Tiling {
  const char* name;
  int height, width, threads;
  int64_t splits, split_k;
  int64_t blocks_m, blocks_n;
  size_t shared() const { return size_t((height == 256 ? kStagesOf256 : kStages) * (height + width) * 64); }
};

// Which of the tiles a kind of product has: kAny where operands cannot be read in 16-byte chunks.
enum class Tiles { kAny, kUpTo128, kAll };

// One for each size, the fastest by a model of rounds of blocks first. most_splits: 1 where the result's rows
// do not lie one behind the other.
std::vector<Tiling> tilings(const Instruction& i, int32_t dtype, int64_t M, int64_t N, int64_t K,
                            int64_t batch, Tiles tiles, int64_t most_splits);

// What the kernels are told; strides of a stack are 0.
Product product_of(const Tiling& t, int64_t M, int64_t N, int64_t K);
Shape product_shape(const Tiling& t, int64_t batch);

// The counters by which blocks know whose part came last; null where K is whole.
Address tickets(const Instruction& i, const Tiling& t);

// y = the sums of `splits` parts, in order, + bias + residual: (count / N, N) dense.
Run add_parts(const Instruction& i, int32_t dtype, const Address& y, const Address& parts,
              const Address& bias, const Address& residual, int64_t splits, int64_t count, int64_t N);

Run prepare_product(const Instruction& i, const ProductPlan& p);
// By our kernels, with K whole.
Run whole_product(const Instruction& i, const ProductPlan& p);

}  // namespace easel
