// Attention's pieces on Hopper: a head's rows as tiles that copies write (TMA), and the two products with
// them (wgmma). A tile's columns lie in boxes of 64 and one of what is left, 16 or 32, whose rows are as
// narrow as it: so the width is whole for both products, each row of keys and values once across K, by
// layouts that PTX's tables have. Columns beyond the head's width and rows beyond the last are zeros.
#pragma once
#include "../../attention/flash.cuh"
#include "hopper.cuh"

namespace easel {

// D: the compiled width, a multiple of 16.
template <int D, int ROWS>
struct HeadBox {
  static constexpr int kBoxes = head_boxes(D), kTail = head_tail(D), kColumns = kBoxes * 64 + kTail;
  static constexpr int kBox = ROWS * 128, kRow = kTail * 2, kBytes = head_bytes(D, ROWS);
  static constexpr int kCopied = ROWS * kColumns * 2;
  static_assert(kBox % 1024 == 0, "boxes begin at multiples of 1024");

  static EASEL_DEVICE void load(unsigned char* to, const HeadMaps& maps, uint64_t* barrier, int row, int head,
                                int batch) {
    barrier_expect(barrier, kCopied);
    copy(to, maps, barrier, row, head, batch);
  }
  // The same for a barrier that was told of the bytes.
  static EASEL_DEVICE void copy(unsigned char* to, const HeadMaps& maps, uint64_t* barrier, int row, int head,
                                int batch) {
    for (int b = 0; b < kBoxes; ++b)
      tensor_load(to + b * kBox, maps.boxes, barrier, b * 64, row, head, batch);
    if constexpr (kTail > 0)
      tensor_load(to + kBoxes * kBox, maps.tail, barrier, kBoxes * 64, row, head, batch);
  }
  // Columns [16k, 16k + 16) of a box, or of the others, of the rows from `row` on, a multiple of 8: K along
  // the rows.
  static EASEL_DEVICE uint64_t along(uint32_t tile, int row, int box, int k) {
    return describe(tile + box * kBox + row * 128 + k * 32, 1024, 16);
  }
  static EASEL_DEVICE uint64_t tail_along(uint32_t tile, int row, int k) {
    return describe(tile + kBoxes * kBox + row * kRow + k * 32, 8 * kRow, 16, kRow);
  }
  // Rows [16k, 16k + 16) of all boxes' columns, or of the others: K across the rows.
  static EASEL_DEVICE uint64_t across(uint32_t tile, int k) {
    return describe(tile + k * 16 * 128, 1024, kBox);
  }
  static EASEL_DEVICE uint64_t tail_across(uint32_t tile, int k) {
    return describe(tile + kBoxes * kBox + k * 16 * kRow, 8 * kRow, 16, kRow);
  }
};

// What a block's warps tell each other of the tiles that come one after the other, of two tensors in turn:
// they have come, they are used up. And of the block's own rows, which come once. copiers: threads that write
// for a tile.
struct HeadRing {
  uint64_t own, full[2][kHopperStages], empty[2][kHopperStages];

  EASEL_DEVICE void prepare(int copiers) {
    barrier_init(&own, 1);
    for (int of = 0; of < 2; ++of)
      for (int stage = 0; stage < kHopperStages; ++stage) {
        barrier_init(&full[of][stage], of == 0 ? copiers : 1);
        barrier_init(&empty[of][stage], 8);  // warps that multiply
      }
    barriers_made();
  }
  // n: the tile's number, from 0 on.
  EASEL_DEVICE void await(int of, int n) {
    barrier_wait(&full[of][n % kHopperStages], n / kHopperStages & 1);
  }
  EASEL_DEVICE void release(int of, int n) {
    if (lane_id() == 0) barrier_arrive(&empty[of][n % kHopperStages]);
  }
  EASEL_DEVICE void await_room(int of, int n) {
    barrier_wait(&empty[of][n % kHopperStages], (n / kHopperStages & 1) ^ 1);
  }
  EASEL_DEVICE uint64_t* come(int of, int n) { return &full[of][n % kHopperStages]; }
};

EASEL_DEVICE unsigned char* head_tiles(unsigned char* shared) {
  return shared + 1024 + (-shared_address(shared) & 1023u);
}

// scores (64 x N) = rows [row, row + 64) of a head's tile times the N rows of another, transposed.
template <typename T, int D, int ROWS, int N>
EASEL_DEVICE void score_heads(float (&scores)[N / 2], uint32_t a, int row, uint32_t b) {
  using A = HeadBox<D, ROWS>;
  using B = HeadBox<D, N>;
#pragma unroll
  for (int box = 0; box < A::kBoxes; ++box)
#pragma unroll
    for (int k = 0; k < 4 && box * 4 + k < D / 16; ++k)
      warpgroup_mma<T, N, false, false>(scores, A::along(a, row, box, k), B::along(b, 0, box, k),
                                        box + k > 0);
#pragma unroll
  for (int k = 0; k < A::kTail / 16; ++k)
    warpgroup_mma<T, N, false, false>(scores, A::tail_along(a, row, k), B::tail_along(b, 0, k));
}

// sums (64 x columns) += weights (64 x ROWS, in registers) times a tile.
template <typename T, int D, int ROWS>
EASEL_DEVICE void add_heads(float (&sums)[HeadBox<D, ROWS>::kColumns / 2],
                            const uint32_t (&weights)[ROWS / 16][4], uint32_t tile) {
  using Box = HeadBox<D, ROWS>;
#pragma unroll
  for (int k = 0; k < ROWS / 16; ++k) {
    warpgroup_mma<T, Box::kBoxes * 64, true>(sums, weights[k], Box::across(tile, k));
    if constexpr (Box::kTail > 0)
      warpgroup_mma<T, Box::kTail, true>(sums + Box::kBoxes * 32, weights[k], Box::tail_across(tile, k));
  }
}

// -inf where `hidden` columns begin, of this lane's two rows, counted from the lane's first column.
template <int N>
EASEL_DEVICE void hide_from(float (&scores)[N / 2], const int (&hidden)[2]) {
#pragma unroll
  for (int n = 0; n < N / 2; ++n)
    if (n / 4 * 8 + n % 2 >= hidden[n / 2 % 2]) scores[n] = -INFINITY;
}

// Scores, rounded, as the operand of the next product.
template <typename T, int N>
EASEL_DEVICE void as_operands(uint32_t (&weights)[N / 16][4], const float (&scores)[N / 2]) {
#pragma unroll
  for (int k = 0; k < N / 16; ++k)
#pragma unroll
    for (int e = 0; e < 4; ++e) weights[k][e] = pack2<T>(scores[k * 8 + e * 2], scores[k * 8 + e * 2 + 1]);
}

}  // namespace easel
