// Blocks of 16 bits that lie by pairs, turned: convolution weights of bf16 for an input gradient.
#pragma once
#include <cstdint>

#include "../kernel.h"

#ifdef __AVX512BW__
namespace easel {
inline namespace EASEL_ISA {
namespace {

typedef int64_t Words __attribute__((vector_size(64)));  // of 64 bits
typedef int16_t Halves __attribute__((vector_size(64)));
using PairRows = Words[8];

// Two neighbours along one axis become two along the other.
inline Words swapped(Words x) {
  const Halves h = reinterpret_cast<Halves>(x);
  return reinterpret_cast<Words>(__builtin_shufflevector(h, h, 0, 2, 1, 3, 4, 6, 5, 7, 8, 10, 9, 11, 12, 14,
                                                         13, 15, 16, 18, 17, 19, 20, 22, 21, 23, 24, 26, 25,
                                                         27, 28, 30, 29, 31));
}

// The first and third quarter of both, and the second and fourth.
inline Words odd(Words a, Words b) { return __builtin_shufflevector(a, b, 0, 1, 4, 5, 8, 9, 12, 13); }
inline Words even(Words a, Words b) { return __builtin_shufflevector(a, b, 2, 3, 6, 7, 10, 11, 14, 15); }

// A block of 16 by 16, whose rows hold pairs along the one axis and 16 of them side by side along the other,
// with the axes exchanged.
inline void turn_pairs(PairRows& rows) {
  for (Words& row : rows) row = swapped(row);
  Words x[8];
  for (int j = 0; j < 8; j += 2) {
    x[j] = __builtin_shufflevector(rows[j], rows[j + 1], 0, 8, 2, 10, 4, 12, 6, 14);
    x[j + 1] = __builtin_shufflevector(rows[j], rows[j + 1], 1, 9, 3, 11, 5, 13, 7, 15);
  }
  for (int q = 0; q < 2; ++q) {
    const Words a = odd(x[q], x[2 + q]), b = even(x[q], x[2 + q]);
    const Words c = odd(x[4 + q], x[6 + q]), d = even(x[4 + q], x[6 + q]);
    rows[q] = odd(a, c);
    rows[2 + q] = odd(b, d);
    rows[4 + q] = even(a, c);
    rows[6 + q] = even(b, d);
  }
}

}  // namespace
}  // namespace EASEL_ISA
}  // namespace easel
#endif
