// cast(x; dtype): rounds to nearest even. Memory-bound: large results go past the caches, or they would be
// read before they are written.
#include "../../executor/shapes/pointwise.h"
#include "../vectors/streams.h"

namespace easel {
namespace {

template <typename D, typename S>
void cast_all(D* y, const S* x, int64_t n) {
#pragma omp simd
  for (int64_t k = 0; k < n; ++k) y[k] = from_float<D>(to_float(x[k]));
}

#ifdef __AVX512F__
constexpr int64_t kPastCaches = 4 << 20;  // bytes

// y is aligned to a vector.
template <typename D, typename S>
void cast_past(D* y, const S* x, int64_t n) {
  constexpr int64_t kBlock = 16 * 64 / int64_t(sizeof(D));
  alignas(64) D block[kBlock];
  for (; n >= kBlock; n -= kBlock, x += kBlock, y += kBlock) {
    cast_all(block, x, kBlock);
    vectors::copy_past(y, block, sizeof block);
  }
  cast_all(y, x, n);
  vectors::written();
}
#endif

template <typename D, typename S>
Run cast_run(D* y, const S* x, int64_t n) {
  return [=] {
    parallel_for(n, 1 << 15, [=](int64_t begin, int64_t end) {
#ifdef __AVX512F__
      if (n * int64_t(sizeof(D)) >= kPastCaches) {
        const int64_t aligned = std::min(end, begin + int64_t(-uintptr_t(y + begin) % 64 / sizeof(D)));
        cast_all(y + begin, x + begin, aligned - begin);
        return cast_past(y + aligned, x + aligned, end - aligned);
      }
#endif
      cast_all(y + begin, x + begin, end - begin);
    });
  };
}

}  // namespace

inline namespace EASEL_ISA {

Run prepare_cast(const Instruction& i) {
  check_cast(i);
  const Tensor &y = i.out(0), &x = i.in(0);
  const int64_t n = y.count();
  const auto from = [&](auto target) -> Run {
    if (x.dtype == EASEL_F8) return cast_run(target, x.as<f8>(), n);
    if (x.dtype == EASEL_I32) return cast_run(target, x.as<int32_t>(), n);
    return dispatch(i, x.dtype,
                    [&](auto type) { return cast_run(target, x.as<typename decltype(type)::type>(), n); });
  };
  if (y.dtype == EASEL_I32) return from(y.as<int32_t>());
  return dispatch(i, y.dtype, [&](auto type) { return from(y.as<typename decltype(type)::type>()); });
}

}  // namespace EASEL_ISA
}  // namespace easel
