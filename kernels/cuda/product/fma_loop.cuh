// The products of one warp's 32x64 tile in f32 without tensor cores, whose TF32 would not hold float's
// accuracy: eight by eight sums a thread. Four steps of K read 16 Float4 for 256 FMAs, so the FMA units are
// the bound.
#pragma once
#include "../arrays/vector.cuh"
#include "tile.cuh"

namespace easel {

template <int BM, int BN, bool A_ALONG_K, bool B_ALONG_K>
class FmaLoop {
 public:
  static constexpr int kWarps = (BM / 32) * (BN / 64);

  EASEL_DEVICE FmaLoop()
      : y_(lane_id() / 8),
        x_(lane_id() % 8),
        m_(int(threadIdx.x) / 32 / (BN / 64) * 32),
        n_(int(threadIdx.x) / 32 % (BN / 64) * 64) {}
  EASEL_DEVICE int row() const { return m_; }
  EASEL_DEVICE int column() const { return n_; }

  EASEL_DEVICE void step(const float* a, const float* b) {
#pragma unroll 1
    for (int k = 0; k < TileA::kDepth; k += 4) {
      float fa[8][4];  // row i at k + q
#pragma unroll
      for (int i = 0; i < 8; ++i) {
        if constexpr (A_ALONG_K) {
          const Float4 v = load4(a + TileA::at(m_ + y_ + i * 4, k / 4));
          fa[i][0] = v.x, fa[i][1] = v.y, fa[i][2] = v.z, fa[i][3] = v.w;
        } else {  // four rows of one k
          const int q = i / 2, r = i % 2 * 4;
          const Float4 v = load4(a + TileA::at(k + q, (m_ + i % 2 * 16) / 4 + y_));
          fa[r][q] = v.x, fa[r + 1][q] = v.y, fa[r + 2][q] = v.z, fa[r + 3][q] = v.w;
        }
      }
#pragma unroll
      for (int j = 0; j < 8; ++j) {
        if constexpr (B_ALONG_K) {
          const Float4 v = load4(b + TileB::at(n_ + x_ + j * 8, k / 4));
#pragma unroll
          for (int i = 0; i < 8; ++i) {
            float& s = sums_[i][j];
            s = fmaf(fa[i][3], v.w, fmaf(fa[i][2], v.z, fmaf(fa[i][1], v.y, fmaf(fa[i][0], v.x, s))));
          }
        } else {
          const int q = j / 2, c = j % 2 * 4;
          const Float4 v = load4(b + TileB::at(k + q, (n_ + j % 2 * 32) / 4 + x_));
#pragma unroll
          for (int i = 0; i < 8; ++i) {
            sums_[i][c] = fmaf(fa[i][q], v.x, sums_[i][c]);
            sums_[i][c + 1] = fmaf(fa[i][q], v.y, sums_[i][c + 1]);
            sums_[i][c + 2] = fmaf(fa[i][q], v.z, sums_[i][c + 2]);
            sums_[i][c + 3] = fmaf(fa[i][q], v.w, sums_[i][c + 3]);
          }
        }
      }
    }
  }

  // Rows [16 part, 16 part + 16) of the warp's tile, to shared memory.
  template <int STRIDE>
  EASEL_DEVICE void spill(float* slab, int part) const {
#pragma unroll
    for (int i = 0; i < 8; ++i)
      if (i / 4 == part) {
        float* to = slab + (A_ALONG_K ? y_ + i % 4 * 4 : y_ * 4 + i % 4) * STRIDE;
#pragma unroll
        for (int j = 0; j < 8; ++j) to[B_ALONG_K ? x_ + j * 8 : x_ * 4 + j / 4 * 32 + j % 4] = sums_[i][j];
      }
  }

 private:
  using TileA = Tile<float, BM, A_ALONG_K>;
  using TileB = Tile<float, BN, B_ALONG_K>;

  const int y_, x_, m_, n_;
  float sums_[8][8] = {};
};

}  // namespace easel
