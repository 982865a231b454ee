// y's elements from x's by a walk: broadcast, slice, and permutations that keep runs together or have a short
// axis. Memory-bound. T is a unit of bytes: the widest, at most 16, that divides runs, strides and addresses.
#include "walk.cuh"

namespace easel {

template <typename T>
EASEL_DEVICE void gather(T* __restrict__ y, const T* __restrict__ x, const Walk& w) {
  walk<1>(w, [=](auto, int64_t k, int64_t at, int64_t) { y[k] = x[at]; });
}

// The innermost axis, which divides into packs, repeats one element.
template <typename T>
EASEL_DEVICE void spread(T* __restrict__ y, const T* __restrict__ x, const Walk& w) {
  walk<kPack<T>>(w, [=](auto lanes, int64_t k, int64_t at, int64_t) {
    store(y + k, repeated<T, decltype(lanes)::value>(x[at]));
  });
}

#define GATHER(T, BYTES) \
  EASEL_KERNEL(256, gather_##BYTES, (T * y, const T* x, Walk w)) { gather(y, x, w); }
EASEL_UNITS(GATHER)
EASEL_KERNEL(256, spread_1, (uint8_t * y, const uint8_t* x, Walk w)) { spread(y, x, w); }
EASEL_KERNEL(256, spread_2, (uint16_t * y, const uint16_t* x, Walk w)) { spread(y, x, w); }
EASEL_KERNEL(256, spread_4, (uint32_t * y, const uint32_t* x, Walk w)) { spread(y, x, w); }

}  // namespace easel
