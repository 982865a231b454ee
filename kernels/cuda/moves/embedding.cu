// embedding(table, ids): rows by number; and the gradient, which adds rows up in order of position.
// Memory-bound. Ids outside of the table are reported, and the row left 0.
#include "../arrays/packs.cuh"

namespace easel {

// table (V, C), ids (n) -> (n, C), C in units of bytes
template <typename T>
EASEL_DEVICE void embedding(T* __restrict__ y, const T* __restrict__ table, const int32_t* __restrict__ ids,
                            int64_t n, int64_t V, int64_t C, const Fault& fault) {
  for (int64_t k = blockIdx.x; k < n; k += gridDim.x) {
    const int64_t id = ids[k];
    const bool known = id >= 0 && id < V;
    if (!known && threadIdx.x == 0) report(fault, id, k);
    for (int64_t c = threadIdx.x; c < C; c += blockDim.x) y[k * C + c] = known ? table[id * C + c] : T{};
  }
}

// dy (n, C), ids (n) -> the rows of dtable (V, C) that ids name; the others are 0 already. One block an id:
// where a number stands first, its block adds up all later ones, so no two blocks write one row.
template <typename T>
EASEL_DEVICE void embedding_backward(T* __restrict__ dtable, const T* __restrict__ dy,
                                     const int32_t* __restrict__ ids, int64_t n, int64_t V, int64_t C,
                                     const Fault& fault, int32_t* found) {
  for (int64_t k = blockIdx.x; k < n; k += gridDim.x) {
    const int64_t id = ids[k];
    const bool known = id >= 0 && id < V;
    if (!known && threadIdx.x == 0) report(fault, id, k);
    if (threadIdx.x == 0) *found = !known;
    syncthreads();
    for (int64_t j = threadIdx.x; j < k; j += blockDim.x)
      if (ids[j] == id) *found = 1;  // whoever writes, writes this
    syncthreads();
    const bool skip = *found;
    syncthreads();
    if (skip) continue;
    for (int64_t c = threadIdx.x; c < C; c += blockDim.x) {
      float s = 0;
      for (int64_t j = k; j < n; ++j)
        if (ids[j] == id) s += to_float(dy[j * C + c]);
      dtable[id * C + c] = from_float<T>(s);
    }
  }
}

#define EMBEDDING(T, BYTES)                                                                                 \
  EASEL_KERNEL(256, embedding_##BYTES,                                                                      \
               (T * y, const T* table, const int32_t* ids, int64_t n, int64_t V, int64_t C, Fault fault)) { \
    embedding(y, table, ids, n, V, C, fault);                                                               \
  }
EASEL_UNITS(EMBEDDING)

#define EMBEDDING_BACKWARD(T, NAME)                                                                  \
  EASEL_KERNEL(                                                                                      \
      256, embedding_backward_##NAME,                                                                \
      (T * dtable, const T* dy, const int32_t* ids, int64_t n, int64_t V, int64_t C, Fault fault)) { \
    EASEL_SHARED(int32_t, found);                                                                    \
    embedding_backward(dtable, dy, ids, n, V, C, fault, found);                                      \
  }
EASEL_FLOATS(EMBEDDING_BACKWARD)

}  // namespace easel
