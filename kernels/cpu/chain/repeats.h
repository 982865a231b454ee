// An operand that repeats, laid out a block of lanes at a time: chains read means of rows and of columns so.
#pragma once
#include <cstdint>
#include <vector>

namespace easel {
inline namespace EASEL_ISA {

// x (A, B) as (A, times, B).
class Repeats {
 public:
  Repeats(const float* x, int64_t count, int64_t times, int64_t behind);
  // Lanes [from, from + n).
  void read(float* y, int64_t from, int64_t n) const;
  // Where these lanes lie one behind the other; null where they do not.
  const float* in_place(int64_t from, int64_t n) const;

 private:
  const float* x_;
  int64_t count_, behind_, period_;  // lanes from one row of B elements to the next
  // Where lanes are from, and where their rows begin, counted from the first of a period: of short periods,
  // such as kernels of 3 by 3.
  std::vector<int32_t> places_, rows_;
  bool close_ = true;  // as many lanes as a register has come from as many elements at most

  void read_runs(float* y, int64_t from, int64_t n) const;
};

}  // namespace EASEL_ISA
}  // namespace easel
