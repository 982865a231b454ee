// Arrays that no cache holds: fetched before they are needed, written without being read.
#pragma once
#include "pairs.h"

namespace easel {
inline namespace EASEL_ISA {
namespace vectors {

// What is read so many bytes later is asked for. Processors look ahead by themselves, but no further than a
// page of 4 KiB, and hardly where rows are walked down a few columns at a time.
constexpr int64_t kAhead = 4096;

// Asks for the lines that V vectors of numbers at p lie in, into the second cache. p may point anywhere.
template <int V, typename T>
inline __attribute__((always_inline)) void fetch(const T* p) {
  for (int64_t at = 0; at < V * kLanes * int64_t(sizeof(T)); at += 64)
    __builtin_prefetch(reinterpret_cast<const char*>(p) + at, 0, 2);
}
template <int V, typename T>
inline __attribute__((always_inline)) void fetch_ahead(const T* p) {
  fetch<V>(p + kAhead / int64_t(sizeof(T)));
}

// Results this large are read from memory again anyway, and lines that are stored to are read before they are
// written, unless they go past the caches.
constexpr int64_t kPastCaches = 32 << 20;

// Whether rows of so many bytes, which begin at p, go there: whole lines.
inline bool goes_past(const void* p, int64_t rows, int64_t bytes) {
  return kLanes == 16 && rows * bytes >= kPastCaches && bytes % 64 == 0 && uintptr_t(p) % 64 == 0;
}

// Lines from anywhere to aligned ones, before written() past the caches.
inline void copy_past(void* to, const void* from, int64_t bytes) {
#if defined(__AVX512F__)
  for (int64_t at = 0; at < bytes; at += 64)
    _mm512_stream_si512(reinterpret_cast<__m512i*>(static_cast<char*>(to) + at),
                        _mm512_loadu_si512(static_cast<const char*>(from) + at));
#else
  memcpy(to, from, size_t(bytes));
#endif
}

template <typename L, int V, typename P>
inline __attribute__((always_inline)) void write_past(typename L::type* p, const Vec (&x)[V], P part) {
  if constexpr (V * kLanes * sizeof(*p) % 64 == 0) {
    alignas(64) typename L::type lines[V * kLanes];
    write<L>(lines, x, part);
    copy_past(p, lines, sizeof lines);
  } else {
    write<L>(p, x, part);
  }
}

// Before other threads read it.
inline void written() {
#if defined(__AVX512F__)
  _mm_sfence();
#endif
}

}  // namespace vectors
}  // namespace EASEL_ISA
}  // namespace easel
