// The simulator's twin of cuda/intrinsics.cuh: a kernel is a plain C++ function that runs once for each
// thread, each on a fiber of its own; what threads do together goes through the scheduler (scheduler.cpp).
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

#define EASEL_DEVICE inline
#define __device__
#define __forceinline__ inline
#define __restrict__ __restrict

namespace simt {

struct Index {
  unsigned x, y, z;
};

// Where the running thread is; the scheduler changes it when it switches fibers.
extern Index thread_index, block_index, block_size, grid_size;
extern unsigned char* shared_memory;

// One kernel of the library: how it is called, and the sizes of its parameters.
struct Kernel {
  const char* name;
  int threads;  // the most a block may have
  void (*call)(void* const* arguments);
  int parameters;
  const uint32_t* sizes;
  const Kernel* next;
};
void add_kernel(Kernel& kernel);

template <typename... P>
struct Entry {
  static constexpr uint32_t sizes[sizeof...(P) + 1] = {uint32_t(sizeof(P))..., 0};
  template <void (*Function)(P...)>
  static void call(void* const* arguments) {
    unpack<Function>(arguments, std::index_sequence_for<P...>());
  }
  template <void (*Function)(P...), size_t... K>
  static void unpack([[maybe_unused]] void* const* arguments, std::index_sequence<K...>) {
    Function(*static_cast<std::remove_reference_t<P>*>(arguments[K])...);
  }
};

template <auto Function>
struct Registered;
template <typename... P, void (*Function)(P...)>
struct Registered<Function> {
  Kernel kernel;
  Registered(const char* name, int threads)
      : kernel{name,   threads, &Entry<P...>::template call<Function>, int(sizeof...(P)), Entry<P...>::sizes,
               nullptr} {
    add_kernel(kernel);
  }
};

// Where a collective stands in the source, so that a fault can name it.
struct Place {
  const char* file;
  int line;
};
#define EASEL_PLACE simt::Place place = {__builtin_FILE(), __builtin_LINE()}

enum class Exchange { kIndex, kXor, kUp, kDown };

void block_barrier(Place place);
void warp_barrier(unsigned mask, Place place);
uint64_t warp_shuffle(Exchange how, uint64_t value, int by, unsigned mask, Place place);
unsigned warp_ballot(bool x, unsigned mask, Place place);
void copy_async(void* shared, const void* global, bool valid, Place place);
void copy_commit();
void copy_wait(int pending);
void warp_ldmatrix(uint32_t* r, const void* row, bool transposed, Place place);
void warp_mma(float* c, const uint32_t* a, const uint32_t* b, bool bf16, Place place);
[[noreturn]] void fault(Place place, const char* what);

template <typename T>
uint64_t bits_of(T value) {
  static_assert(sizeof(T) == 4 || sizeof(T) == 8, "shuffles move 4 or 8 bytes");
  uint64_t bits = 0;
  memcpy(&bits, &value, sizeof value);
  return bits;
}
template <typename T>
T value_of(uint64_t bits) {
  T value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

}  // namespace simt

#define threadIdx simt::thread_index
#define blockIdx simt::block_index
#define blockDim simt::block_size
#define gridDim simt::grid_size

#define EASEL_KERNEL(THREADS, NAME, PARAMETERS)                \
  static void NAME PARAMETERS;                                 \
  static simt::Registered<&NAME> NAME##_entry(#NAME, THREADS); \
  static void NAME PARAMETERS

#define EASEL_SHARED(T, NAME) T* NAME = reinterpret_cast<T*>(simt::shared_memory)

namespace easel {

constexpr unsigned kWarp = 0xffffffffu;
constexpr bool kLargeBlocks = true;

EASEL_DEVICE int lane_id() { return int(threadIdx.x & 31u); }

EASEL_DEVICE void syncthreads(EASEL_PLACE) { simt::block_barrier(place); }
EASEL_DEVICE void syncwarp(unsigned mask = kWarp, EASEL_PLACE) { simt::warp_barrier(mask, place); }

template <typename T>
T shuffle(T value, int lane, unsigned mask = kWarp, EASEL_PLACE) {
  return simt::value_of<T>(
      simt::warp_shuffle(simt::Exchange::kIndex, simt::bits_of(value), lane, mask, place));
}
template <typename T>
T shuffle_xor(T value, int distance, unsigned mask = kWarp, EASEL_PLACE) {
  return simt::value_of<T>(
      simt::warp_shuffle(simt::Exchange::kXor, simt::bits_of(value), distance, mask, place));
}
template <typename T>
T shuffle_up(T value, int distance, unsigned mask = kWarp, EASEL_PLACE) {
  return simt::value_of<T>(
      simt::warp_shuffle(simt::Exchange::kUp, simt::bits_of(value), distance, mask, place));
}
template <typename T>
T shuffle_down(T value, int distance, unsigned mask = kWarp, EASEL_PLACE) {
  return simt::value_of<T>(
      simt::warp_shuffle(simt::Exchange::kDown, simt::bits_of(value), distance, mask, place));
}
EASEL_DEVICE unsigned ballot(bool x, unsigned mask = kWarp, EASEL_PLACE) {
  return simt::warp_ballot(x, mask, place);
}

// Threads take turns only where they wait, so a plain update is atomic.
EASEL_DEVICE float atomic_add(float* at, float x) { return std::exchange(*at, *at + x); }
EASEL_DEVICE int32_t atomic_add(int32_t* at, int32_t x) { return std::exchange(*at, *at + x); }
EASEL_DEVICE unsigned long long atomic_cas(unsigned long long* at, unsigned long long expected,
                                           unsigned long long wanted) {
  return std::exchange(*at, *at == expected ? wanted : *at);
}
EASEL_DEVICE unsigned atomic_turn(unsigned* at, unsigned last) {
  return std::exchange(*at, *at >= last ? 0 : *at + 1);
}
EASEL_DEVICE void thread_fence() {}

EASEL_DEVICE void cp_async16(void* shared, const void* global, bool valid = true, EASEL_PLACE) {
  simt::copy_async(shared, global, valid, place);
}
EASEL_DEVICE void cp_async_commit() { simt::copy_commit(); }
template <int Pending>
void cp_async_wait() {
  simt::copy_wait(Pending);
}

EASEL_DEVICE void ldmatrix_x4(uint32_t (&r)[4], const void* row, EASEL_PLACE) {
  simt::warp_ldmatrix(r, row, false, place);
}
EASEL_DEVICE void ldmatrix_x4_trans(uint32_t (&r)[4], const void* row, EASEL_PLACE) {
  simt::warp_ldmatrix(r, row, true, place);
}

template <typename T>
void mma(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], EASEL_PLACE) {
  simt::warp_mma(c, a, b, std::is_same_v<T, bf16>, place);
}

template <typename T>
uint32_t pack2(float low, float high) {
  return uint32_t(from_float<T>(low).bits) | uint32_t(from_float<T>(high).bits) << 16;
}

EASEL_DEVICE float fast_exp2(float x) { return exp2f(x); }

}  // namespace easel
