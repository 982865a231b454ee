// Products of whole tiles (Intel's AMX, bf16): eight registers of 16 rows by 64 bytes. One instruction adds
// a (16 rows, 16 words) b (16 words, 16 columns) to c (16 rows, 16 columns of float), in 16 cycles. A word is
// two bf16 that are neighbours along the sum, so b lies as vdpbf16ps would read it: a word of each of 16
// columns, then the next. Numbers below float's normal ones are 0, in operands and in sums.
#pragma once
#include <cstdint>

#if defined(__AVX512F__)

namespace easel {
inline namespace EASEL_ISA {
namespace amx {

constexpr int kTile = 16;  // rows, columns and words of a tile

// Whether the processor has them and the system lets this process use them.
bool serves();

// What a thread does between begin and end may use tiles; all have 16 rows of 64 bytes. Ending lets the
// system save less when it changes threads.
class Session {
 public:
  Session() {
    struct {
      uint8_t palette = 1, from = 0, reserved[14] = {};
      uint16_t bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
      uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
    } const shape;
    asm volatile("ldtilecfg %0" ::"m"(shape));
  }
  ~Session() { asm volatile("tilerelease"); }
  Session(const Session&) = delete;
};

template <int T>
inline void clear() {
  asm volatile("tilezero %%tmm%c0" ::"i"(T));
}

// Rows `line` bytes apart. Memory that the compiler still holds in registers is written before.
template <int T>
inline void load(const void* from, int64_t line) {
  asm volatile("tileloadd (%0,%1,1), %%tmm%c2" ::"r"(from), "r"(line), "i"(T) : "memory");
}

// Of what is not wanted again before the rest of the first-level cache is.
template <int T>
inline void load_past(const void* from, int64_t line) {
  asm volatile("tileloaddt1 (%0,%1,1), %%tmm%c2" ::"r"(from), "r"(line), "i"(T) : "memory");
}

template <int T>
inline void store(void* to, int64_t line) {
  asm volatile("tilestored %%tmm%c2, (%0,%1,1)" ::"r"(to), "r"(line), "i"(T) : "memory");
}

// Sum += A B.
template <int Sum, int A, int B>
inline void multiply_add() {
  asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(Sum), "i"(A), "i"(B));
}

}  // namespace amx
}  // namespace EASEL_ISA
}  // namespace easel
#endif
