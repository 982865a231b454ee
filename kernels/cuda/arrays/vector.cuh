// Eight neighbouring elements as floats, in 16-byte accesses; the address is a multiple of 16.
#pragma once
#include "../device.cuh"

namespace easel {

struct alignas(16) Float4 {
  float x, y, z, w;
};
EASEL_DEVICE Float4 load4(const float* p) { return *reinterpret_cast<const Float4*>(p); }

template <typename T>
EASEL_DEVICE void load8(float (&v)[8], const T* p) {
  if constexpr (sizeof(T) == 4) {
    const Float4 a = load4(p), b = load4(p + 4);
    v[0] = a.x, v[1] = a.y, v[2] = a.z, v[3] = a.w, v[4] = b.x, v[5] = b.y, v[6] = b.z, v[7] = b.w;
  } else {
    const Bytes16 bytes = *reinterpret_cast<const Bytes16*>(p);
#pragma unroll
    for (int e = 0; e < 8; ++e) v[e] = to_float(T{uint16_t(bytes.words[e / 2] >> e % 2 * 16)});
  }
}

template <typename T>
EASEL_DEVICE void store8(T* p, const float (&v)[8]) {
  if constexpr (sizeof(T) == 4) {
    reinterpret_cast<Float4*>(p)[0] = {v[0], v[1], v[2], v[3]};
    reinterpret_cast<Float4*>(p)[1] = {v[4], v[5], v[6], v[7]};
  } else {
    Bytes16 bytes;
#pragma unroll
    for (int e = 0; e < 4; ++e) bytes.words[e] = pack2<T>(v[e * 2], v[e * 2 + 1]);
    *reinterpret_cast<Bytes16*>(p) = bytes;
  }
}

}  // namespace easel
