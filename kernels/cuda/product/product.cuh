// One block's share of a matrix product: a BM x BN tile of the output over one part of K, for any pair of
// operand sources. Compute-bound: two tiles of the pipeline are on their way while a third is multiplied.
//
//   block        threads  a stage  all       sums a thread   blocks on a multiprocessor, by shared memory
//   256x128        256    24 KiB   96 KiB       128          four stages; sm_80, 86/89, 90 1
//   128x128        128    16 KiB   48 KiB       128          sm_75 1, sm_86/89 2, sm_80 3, sm_90 4
//   128x64         128    12 KiB   36 KiB        64          sm_75 1, sm_86/89 2, sm_80 4, sm_90 6
//   64x64          128     8 KiB   24 KiB        32          sm_75 2, sm_86/89 4, sm_80 6, sm_90 9
//   f32 128x128    256    16 KiB   48 KiB        64          as 128x128
//   f32 64x64       64     8 KiB   24 KiB        64          as 64x64
// All but the first fit the 48 KiB that every card gives without opting in. The register file (64 Ki on each)
// allows one block of the first kind, two of the second and more of the others. 256x128 reads a third less
// from L2 for each product than two of 128x128, by which an H100 is bound.
#pragma once
#include "epilogue.cuh"
#include "fma_loop.cuh"
#include "mma_loop.cuh"

namespace easel {

// Tiles that share rows of A run side by side in bands of eight, so that both operands are read from L2.
EASEL_DEVICE void place_block(const Product& p, int* m, int* n) {
  const int block = int(blockIdx.x), band = 8 * p.tiles_n, first = block / band * 8;
  const int height = p.tiles_m - first < 8 ? p.tiles_m - first : 8;
  *m = first + block % band % height;
  *n = block % band / height;
}

// A second pair of operands of any alignment: the tiles of its short K come before the first one's.
template <typename A, typename B>
struct Second {
  static constexpr bool kThere = true;
  A a;
  B b;
};
struct NoSecond {
  static constexpr bool kThere = false;
};

// ANY: operands may have any alignment.
template <typename T, typename Loop, int BM, int BN, int WM, int WN, int STAGES, bool ANY, typename A,
          typename B, typename More>
EASEL_DEVICE void product(T* tiles, const A& a, const B& b, const Product& p, const Output<T>& out, int split,
                          const More& second) {
  constexpr int kThreads = Loop::kWarps * 32, kDepth = 64 / int(sizeof(T)), kStage = (BM + BN) * kDepth;
  constexpr int kStride = WN + 8;  // of a slab
  static_assert(Loop::kWarps * 16 * kStride * int(sizeof(float)) <= STAGES * (BM + BN) * 64,
                "slabs do not fit");
  int tile_m, tile_n;
  place_block(p, &tile_m, &tile_n);
  const TileLoader<T, BM, kThreads, ANY, A> load_a(a, tile_m * BM, int(threadIdx.x));
  const TileLoader<T, BN, kThreads, ANY, B> load_b(b, tile_n * BN, int(threadIdx.x));
  const int K = int(p.K), k_begin = split * p.split_k,
            k_end = K - k_begin < p.split_k ? K : k_begin + p.split_k;
  const int before = More::kThere && split == 0 ? (int(p.second_K) + kDepth - 1) / kDepth : 0;
  const int steps = before + (k_end - k_begin + kDepth - 1) / kDepth;
  const auto load = [&](int step) {
    if (step < steps) {
      T* to = tiles + step % STAGES * kStage;
      if (step >= before) {
        const int k = k_begin + (step - before) * kDepth;
        load_a.load(to, k, k_end);
        load_b.load(to + BM * kDepth, k, k_end);
      } else if constexpr (More::kThere) {
        // made anew for each tile, so that the loop holds no registers for them
        using MoreA = TileLoader<T, BM, kThreads, true, A>;
        using MoreB = TileLoader<T, BN, kThreads, true, B>;
        const int k = step * kDepth, end = int(p.second_K);
        MoreA(second.a, tile_m * BM, int(threadIdx.x)).load(to, k, end);
        MoreB(second.b, tile_n * BN, int(threadIdx.x)).load(to + BM * kDepth, k, end);
      }
    }
    cp_async_commit();
  };

  Loop loop;
#pragma unroll
  for (int s = 0; s < STAGES - 1; ++s) load(s);
#pragma unroll 1
  for (int step = 0; step < steps; ++step) {
    cp_async_wait<STAGES - 2>();
    syncthreads();  // this tile has come, and nobody reads the one that load() overwrites
    load(step + STAGES - 1);
    const T* from = tiles + step % STAGES * kStage;
    loop.step(from, from + BM * kDepth);
  }
  cp_async_wait<0>();
  syncthreads();

  float* const part = out.parts ? out.parts + int64_t(split) * p.batch * p.M * p.N : nullptr;
  float* slab = reinterpret_cast<float*>(tiles) + int(threadIdx.x) / 32 * 16 * kStride;
#pragma unroll
  for (int rows = 0; rows < WM / 16; ++rows) {
    loop.template spill<kStride>(slab, rows);
    syncwarp();
    write_slab<T, WN, kStride>(slab, out, part, p, int64_t(tile_m) * BM + loop.row() + rows * 16,
                               int64_t(tile_n) * BN + loop.column());
    syncwarp();
  }
  if (!out.tickets) return;
  unsigned* const ticket = out.tickets + blockIdx.z % unsigned(p.batch) * gridDim.x + blockIdx.x;
  if (last_part(ticket, p.splits, reinterpret_cast<unsigned*>(tiles)))
    add_parts<T, BM, BN>(out, p, int64_t(tile_m) * BM, int64_t(tile_n) * BN);
}

// The part of K and the member of the stack that this block works on; moves the addresses there.
template <typename T>
EASEL_DEVICE int place_in_stack(const Product& p, const T*& a, const T*& b, Output<T>& out) {
  const int z = int(blockIdx.z) % p.batch, split = int(blockIdx.z) / p.batch;
  const int64_t outer = z / p.inner_count, inner = z % p.inner_count;
  a += outer * p.a_outer + inner * p.a_inner;
  b += outer * p.b_outer + inner * p.b_inner;
  const int64_t offset = outer * p.y_outer + inner * p.y_inner;
  if (out.y) out.y += offset;
  if (out.residual) out.residual += offset;
  if (out.sums) out.sums += offset;
  if (out.parts) out.parts += offset;
  return split;
}

// The kernel's whole body, for a block of BM x BN.
template <typename T, int BM, int BN, bool ANY, typename A, typename B, typename More = NoSecond>
EASEL_DEVICE void product_tile(T* shared, const A& a, const B& b, const Product& p, const Output<T>& out,
                               int split, const More& second = {}) {
  constexpr int kDeep = BM == 256 ? kStagesOf256 : kStages, WM = BM == 256 ? 64 : BM / 2, WN = BN / 2;
  if constexpr (BM == 256 && !kLargeBlocks)
    return;
  else if constexpr (sizeof(T) == 4)
    product<T, FmaLoop<BM, BN, A::kAlongK, B::kAlongK>, BM, BN, 32, 64, kDeep, ANY>(shared, a, b, p, out,
                                                                                    split, second);
  else
    product<T, MmaLoop<T, BM, BN, WM, WN, A::kAlongK, B::kAlongK>, BM, BN, WM, WN, kDeep, ANY>(
        shared, a, b, p, out, split, second);
}

}  // namespace easel
