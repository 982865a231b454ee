// Writes machine code of vector instructions over float32, AVX2's or AVX-512's: those that chains need, and
// no more. Intel's manual, volume 2, sections 2.3 (VEX) and 2.7 (EVEX).
#pragma once
#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace easel {

// General registers by their number in the encoding; the first arguments of a function.
enum { RAX = 0, RDX = 2, RSI = 6, RDI = 7, R8 = 8 };
enum { VADD = 0x58, VMUL = 0x59, VSUB = 0x5c, VMIN = 0x5d, VDIV = 0x5e, VMAX = 0x5f };
enum { VSQRT = 0x51, VAND = 0x54, VOR = 0x56, VXOR = 0x57 };
enum { VFMADD231 = 0xb8, VFNMADD231 = 0xbc };
enum { NOT_EQUAL_UNORDERED = 0x04, NOT_EQUAL_ORDERED = 0x0c, LESS_ORDERED = 0x11, AT_LEAST_ORDERED = 0x1d };

// A vector register, or memory at base + disp, + RDX * 4 where indexed; one number for all lanes where
// spread.
struct Place {
  int reg = -1, base = 0;
  int32_t disp = 0;
  bool indexed = false, spread = false;
};

class VectorCode {
 public:
  explicit VectorCode(bool avx512) : wide_(avx512) {}
  std::vector<uint8_t> bytes;

  int lanes() const { return wide_ ? 16 : 8; }
  bool wide() const { return wide_; }

  void arithmetic(int op, int to, int a, const Place& b) { vector(1, 0, op, to, a, b); }
  void root(int to, const Place& a) { vector(1, 0, VSQRT, to, 0, a); }
  void load(int to, const Place& a) {
    if (a.spread)
      vector(2, 1, 0x18, to, 0, {.base = a.base, .disp = a.disp});
    else
      vector(1, 0, 0x10, to, 0, a);
  }
  void store(const Place& to, int a) { vector(1, 0, 0x11, a, 0, to); }
  void multiply_add(int op, int to, int a, const Place& b) { vector(2, 1, op, to, a, b); }
  // Which lanes of x compare so to y: into the vector register `mask`, or AVX-512's k1.
  void compare(int how, int mask, int x, const Place& y) {
    vector(1, 0, 0xc2, wide_ ? kMask : mask, x, y);
    byte(how);
  }
  // Of the lanes in k1 those that compare so, too. AVX-512 alone.
  void compare_also(int how, int x, const Place& y) {
    vector(1, 0, 0xc2, kMask, x, y, kMask);
    byte(how);
  }
  // 1 / sqrt(a) to 14 bits. AVX-512 alone.
  void inverse_root(int to, const Place& a) { vector(2, 1, 0x4e, to, 0, a); }
  // to = a in the lanes of that mask, else b.
  void choose(int to, int mask, int a, int b) {
    if (wide_) return vector(2, 1, 0x65, to, b, {.reg = a}, kMask);
    vector(3, 1, 0x4a, to, b, {.reg = a});
    byte(mask << 4);
  }

  // Asks for the cache line at a place in memory, which need not be any array's.
  void ask_for(const Place& at) {
    emit({0x0f, 0x18, 2 << 6 | 1 << 3 | 4, uint8_t(2 << 6 | RDX << 3 | at.base)});
    word(at.disp);
  }

  void load_pointer(int32_t disp) { emit({0x48, 0x8b, 0x86}), word(disp); }  // mov rax, [rsi + disp]
  // The next instructions run only where the number at [rdi + disp] is not 0, up to land(what this gives).
  size_t skip_if_zero(int32_t disp) {
    emit({0x8b, 0x87}), word(disp);  // mov eax, [rdi + disp]
    emit({0x01, 0xc0, 0x0f, 0x84});  // add eax, eax: its sign goes; jz
    word(0);
    return bytes.size();
  }
  // Or only where k1 lacks a lane. AVX-512 alone.
  size_t skip_if_all() {
    emit({0xc5, 0xf8, 0x98, 0xc0 | kMask << 3 | kMask, 0x0f, 0x82});  // kortestw k1, k1; jc
    word(0);
    return bytes.size();
  }
  void land(size_t from) {
    const auto distance = int32_t(bytes.size() - from);
    std::memcpy(&bytes[from - 4], &distance, 4);
  }
  // rdx += lanes; again from `start` while rdx < rcx.
  void loop(size_t start) {
    emit({0x48, 0x83, 0xc2, uint8_t(lanes()), 0x48, 0x39, 0xca, 0x0f, 0x8c});
    word(int32_t(start) - int32_t(bytes.size() + 4));
  }
  void finish() { emit({0xc5, 0xf8, 0x77, 0xc3}); }  // vzeroupper; ret

 private:
  static constexpr int kMask = 1;
  bool wide_;

  void byte(int x) { bytes.push_back(uint8_t(x)); }
  void emit(std::initializer_list<uint8_t> list) { bytes.insert(bytes.end(), list); }
  void word(int32_t x) {
    for (int k = 0; k < 4; ++k) byte(uint32_t(x) >> (8 * k));
  }

  // Opcode of map 1 (0F), 2 (0F 38) or 3 (0F 3A) with prefix pp (1: 66), destination, first and second
  // source. `k`: the mask register that it obeys.
  void vector(int map, int pp, int opcode, int to, int a, const Place& b, int k = 0) {
    const bool memory = b.reg < 0;
    const int low = memory ? b.base : b.reg;
    const int x = memory ? 1 : !(b.reg & 16);  // index registers above 7 are not used
    if (wide_) {
      byte(0x62);
      byte(!(to & 8) << 7 | x << 6 | !(low & 8) << 5 | !(to & 16) << 4 | map);
      byte((~a & 15) << 3 | 4 | pp);
      byte(2 << 5 | (memory && b.spread) << 4 | !(a & 16) << 3 | k);
    } else {
      byte(0xc4);
      byte(!(to & 8) << 7 | 1 << 6 | !(low & 8) << 5 | map);
      byte((~a & 15) << 3 | 4 | pp);
    }
    byte(opcode);
    if (!memory) return byte(3 << 6 | (to & 7) << 3 | (low & 7));
    byte(2 << 6 | (to & 7) << 3 | (b.indexed ? 4 : low & 7));
    if (b.indexed) byte(2 << 6 | RDX << 3 | (low & 7));  // rdx * 4
    word(b.disp);
  }
};

// Memory that may be executed, and not written any more; null where the system allows none.
inline std::shared_ptr<void> executable(const std::vector<uint8_t>& bytes) {
  void* pages = mmap(nullptr, bytes.size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) return nullptr;
  std::shared_ptr<void> owner(pages, [size = bytes.size()](void* p) { munmap(p, size); });
  std::memcpy(pages, bytes.data(), bytes.size());
  return mprotect(pages, bytes.size(), PROT_READ | PROT_EXEC) ? nullptr : owner;
}

// An update has a chain for each parameter, and few of them differ: equal code lies in memory once.
inline std::shared_ptr<void> shared_code(const std::vector<uint8_t>& bytes) {
  static std::mutex mutex;
  static auto& known = *new std::map<std::string, std::weak_ptr<void>>();
  const std::lock_guard<std::mutex> lock(mutex);
  const std::string key(bytes.begin(), bytes.end());
  std::shared_ptr<void> pages = known[key].lock();
  if (!pages) known[key] = pages = executable(bytes);
  std::erase_if(known, [](const auto& entry) { return entry.second.expired(); });
  return pages;
}

}  // namespace easel
