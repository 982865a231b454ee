// What both halves of attention's gradient on Hopper have in common. Scores and their gradients are the
// operand in registers of the next product, so they never leave them: the half that owns keys multiplies
// transposed.
#pragma once
#include "hopper_heads.cuh"

namespace easel {

enum { kFirst, kSecond };  // of the two tensors whose tiles come

// Own rows of two tensors, then stages of two others' tiles.
template <int D, int ROWS>
struct GradientTiles {
  using Own = HeadBox<D, kHopperRows>;
  using Box = HeadBox<D, ROWS>;
  unsigned char* tiles;
  HeadRing* ring;
  int head, batch, first;  // of its own rows

  EASEL_DEVICE unsigned char* own(int of) const { return tiles + of * Own::kBytes; }
  EASEL_DEVICE unsigned char* tile(int of, int n) const {
    return tiles + 2 * Own::kBytes + (n % kHopperStages * 2 + of) * Box::kBytes;
  }
  EASEL_DEVICE uint32_t address(int of, int n) const { return shared_address(tile(of, n)); }
  // Both of own rows count for one barrier.
  EASEL_DEVICE void load_own(const HeadMaps& a, const HeadMaps& b) const {
    barrier_expect(&ring->own, 2 * Own::kCopied);
    Own::copy(own(kFirst), a, &ring->own, first, head, batch);
    Own::copy(own(kSecond), b, &ring->own, first, head, batch);
  }
  // scores = own rows times the first tensor's, dweights = the second's; by one warpgroup from `group` on.
  template <typename T>
  EASEL_DEVICE void multiply(float (&scores)[ROWS / 2], float (&dweights)[ROWS / 2], int group, int n) const {
    ring->await(kFirst, n);
    ring->await(kSecond, n);
    warpgroup_hold(scores);
    warpgroup_hold(dweights);
    warpgroup_fence();
    score_heads<T, D, kHopperRows, ROWS>(scores, shared_address(own(kFirst)), group, address(kFirst, n));
    score_heads<T, D, kHopperRows, ROWS>(dweights, shared_address(own(kSecond)), group, address(kSecond, n));
    warpgroup_commit();
  }
};

// One of a lane's two rows of sums.
template <typename T, int D, int COLUMNS>
EASEL_DEVICE void store_row(T* to, const float (&sums)[COLUMNS / 2], int h, const Heads& s) {
#pragma unroll
  for (int n = 0; n < D / 8; ++n)
    store_pair(to, n * 8 + lane_id() % 4 * 2, s, sums[n * 4 + h * 2], sums[n * 4 + h * 2 + 1]);
}

}  // namespace easel
