// The products of one warp's tile with tensor cores: WM x WN sums in registers, both operands' fragments read
// by ldmatrix. A 64x64 warp tile reads 4 KiB for 131 kFLOP: at 128 bytes a clock as long as an H100 needs to
// multiply at its full rate, and half as long as an A100 needs; smaller warp tiles are bound by shared
// memory.
#pragma once
#include "tile.cuh"

namespace easel {

template <typename T, int BM, int BN, int WM, int WN, bool A_ALONG_K, bool B_ALONG_K>
class MmaLoop {
 public:
  static constexpr int kWarps = (BM / WM) * (BN / WN);

  EASEL_DEVICE MmaLoop()
      : m_(int(threadIdx.x) / 32 / (BN / WN) * WM),
        n_(int(threadIdx.x) / 32 % (BN / WN) * WN),
        lane_(lane_id()),
        a_at_(A_ALONG_K ? TileA::at(m_ + lane_ % 16, lane_ / 16)
                        : TileA::at(lane_ / 16 * 8 + lane_ % 8, m_ / 8 + lane_ / 8 % 2)),
        b_at_(B_ALONG_K ? TileB::at(n_ + lane_ / 16 * 8 + lane_ % 8, lane_ / 8 % 2)
                        : TileB::at(lane_ / 8 % 2 * 8 + lane_ % 8, n_ / 8 + lane_ / 16)) {}
  EASEL_DEVICE int row() const { return m_; }
  EASEL_DEVICE int column() const { return n_; }

  EASEL_DEVICE void step(const T* a, const T* b) {
#pragma unroll
    for (int k = 0; k < TileA::kDepth; k += 16) {
      uint32_t fa[WM / 16][4], fb[WN / 8][2];
#pragma unroll
      for (int i = 0; i < WM / 16; ++i) read_a(fa[i], a, i, k);
#pragma unroll
      for (int j = 0; j < WN / 8; j += 2) read_b(fb[j], fb[j + 1], b, j, k);
#pragma unroll
      for (int i = 0; i < WM / 16; ++i)
#pragma unroll
        for (int j = 0; j < WN / 8; ++j) mma<T>(sums_[i][j], fa[i], fb[j]);
    }
  }

  // Rows [16 part, 16 part + 16) of the warp's tile, to shared memory. A stride of 8 modulo 32 words keeps
  // the rows that half a warp writes in different banks.
  template <int STRIDE>
  EASEL_DEVICE void spill(float* slab, int part) const {
#pragma unroll
    for (int i = 0; i < WM / 16; ++i)
      if (i == part) {
#pragma unroll
        for (int j = 0; j < WN / 8; ++j)
#pragma unroll
          for (int h = 0; h < 2; ++h) {
            float* to = slab + (lane_ / 4 + h * 8) * STRIDE + j * 8 + lane_ % 4 * 2;
            to[0] = sums_[i][j][h * 2];
            to[1] = sums_[i][j][h * 2 + 1];
          }
      }
  }

 private:
  using TileA = Tile<T, BM, A_ALONG_K>;
  using TileB = Tile<T, BN, B_ALONG_K>;

  // The matrices of an x4 read of A: rows 0-7 and 8-15 at k, then the same at k + 8. Sixteen rows and, in the
  // other order, sixteen of K further on is a constant distance; in the direction of chunks the swizzle
  // makes it a change of bits.
  EASEL_DEVICE void read_a(uint32_t (&f)[4], const T* a, int i, int k) const {
    if constexpr (A_ALONG_K)
      ldmatrix_x4(f, a + (a_at_ ^ k) + i * 16 * TileA::kDepth);
    else
      ldmatrix_x4_trans(f, a + (a_at_ ^ i * 16) + k * BM);
  }
  // Of B: columns 0-7 at k and at k + 8, then columns 8-15.
  EASEL_DEVICE void read_b(uint32_t (&f0)[2], uint32_t (&f1)[2], const T* b, int j, int k) const {
    uint32_t f[4];
    if constexpr (B_ALONG_K)
      ldmatrix_x4(f, b + (b_at_ ^ k) + j * 8 * TileB::kDepth);
    else
      ldmatrix_x4_trans(f, b + (b_at_ ^ j * 8) + k * BN);
    f0[0] = f[0], f0[1] = f[1], f1[0] = f[2], f1[1] = f[3];
  }

  const int m_, n_, lane_, a_at_, b_at_;
  float sums_[WM / 16][WN / 8][4] = {};
};

}  // namespace easel
