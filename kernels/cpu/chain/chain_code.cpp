// From a chain's steps to machine code.
#include "chain_code.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "../../pointwise.h"
#include "../kernel.h"
#include "../vectors/intel.h"
#include "root_code.h"
#include "vector_code.h"

namespace easel {
namespace {

// What stands behind the chain's scalars.
enum { ZERO, ONE, INFINITE, SIGN_BIT, ALL_BUT_SIGN, HALF, LEAST_ROOT };

#if defined(__AVX512F__) && defined(__AVX512DQ__)
constexpr bool kVectors = true, kWide = true;
#elif defined(__AVX2__) && defined(__FMA__)
constexpr bool kVectors = true, kWide = false;
#else
constexpr bool kVectors = false, kWide = false;
#endif
constexpr int binary_step(int fn) { return int(CHAIN_BINARY) + fn; }
constexpr int unary_step(int fn) { return int(CHAIN_UNARY) + fn; }
// Lanes from those in work to those asked for: two blocks.
constexpr int kAhead = 2 * CHAIN_QUANTIZED_BLOCK;
constexpr int kRegisters = kWide ? 32 : 16, kTemporaries = 3;

// Writes the code of one chain.
class Writer {
 public:
  Writer(const Chain& chain, int outputs)
      : chain_(chain),
        first_sum_(outputs - chain.sums),
        code_(kWide),
        intel_(on_intel()),
        asks_(intel_ || count(pauses) > 0) {
    possible_ = kVectors && chain.registers + chain.sums + kTemporaries <= kRegisters;
    const int room = std::min(EASEL_MAX_OPERANDS, kRegisters - kTemporaries - chain.registers);
    most_ = std::min(count([](const ChainStep& s) { return s.op == CHAIN_QUANTIZE; }), room - chain.sums);
    for (int k = 0; k < chain.sums + most_; ++k)
      code_.arithmetic(VXOR, total(k), total(k), {.reg = total(k)});
    const size_t start = code_.bytes.size();
    for (int k = chain.scalar_steps; k < chain.scalar_steps + chain.lane_steps && possible_; ++k) step(k);
    code_.loop(start);
    for (int k = 0; k < chain.sums + maxima_; ++k)
      code_.store({.base = R8, .disp = k * 4 * code_.lanes()}, total(k));
    code_.finish();
  }

  bool possible() const { return possible_; }
  const VectorCode& code() const { return code_; }
  int slots = 0;
  std::vector<ChainMove> before, after;

 private:
  const Chain& chain_;
  int first_sum_;
  VectorCode code_;
  // Such cores divide slowly (root_code.h), and fetch ahead to the end of a page of 4 KiB. Asked for early,
  // AdamW's step over 58 million weights takes 37 ms in place of 41, Lion's 27 in place of 32 (Sapphire
  // Rapids, two threads).
  const bool intel_;
  const bool asks_;  // for operands before they are read
  bool possible_;
  int most_, maxima_ = 0;  // registers for maxima, and those in use
  bool written_[EASEL_MAX_OPERANDS] = {}, asked_[EASEL_MAX_OPERANDS + CHAIN_STEPS] = {};

  template <typename F>
  int count(F wanted) const {
    return int(std::count_if(chain_.steps, chain_.steps + chain_.scalar_steps + chain_.lane_steps, wanted));
  }
  static bool pauses(const ChainStep& s) {
    return s.op == CHAIN_QUANTIZE || s.op == CHAIN_DEQUANTIZE || s.op == CHAIN_SPREAD;
  }
  static int temporary(int k) { return kRegisters - 1 - k; }
  int total(int k) const { return chain_.registers + k; }
  static Place scalar(int at) { return {.base = RDI, .disp = 4 * at, .spread = true}; }
  Place constant(int which) const { return scalar(chain_.scalars + which); }
  static bool is_scalar(int at) { return at >= CHAIN_FIRST_SCALAR && at < CHAIN_FIRST_ARRAY; }
  // An operand or slot; good until the next one is named.
  Place memory(int at) {
    code_.load_pointer(8 * at);
    ask_ahead(at);
    return {.base = RAX, .indexed = true};
  }

  // Between two blocks codes may be looked up or means laid out, and memory is idle: a line of each operand
  // comes a step before it is read. A block's lines asked for at once wait for one another, and what is in
  // work waits with them.
  void ask_ahead(int at) {
    if (!asks_ || at >= chain_.arrays || asked_[at]) return;
    asked_[at] = true;
    code_.ask_for({.base = RAX, .disp = kAhead * 4, .indexed = true});
  }

  // AVX2 spreads a number only while it loads it.
  Place last(const Place& place, int spare) {
    if (kWide || !place.spread) return place;
    code_.load(temporary(spare), place);
    return {.reg = temporary(spare)};
  }
  // What a step reads, as the last operand of an instruction or in a register.
  Place source(int at, int spare) {
    if (at >= CHAIN_FIRST_ARRAY) return memory(at - CHAIN_FIRST_ARRAY);
    if (at < CHAIN_FIRST_SCALAR) return {.reg = at};
    return last(scalar(at - CHAIN_FIRST_SCALAR), spare);
  }
  int loaded(int at, int spare) {
    if (at < CHAIN_FIRST_SCALAR) return at;
    code_.load(temporary(spare), is_scalar(at) ? scalar(at - CHAIN_FIRST_SCALAR) : source(at, spare));
    return temporary(spare);
  }

  void arithmetic(int op, int to, int a, int b) {
    const int x = loaded(a, 0);
    code_.arithmetic(op, to, x, source(b, 1));
  }
  void bits(int op, int to, int a, int which) {
    const int x = loaded(a, 0);
    code_.arithmetic(op, to, x, last(constant(which), 1));
  }
  void move(int to, int at) {
    code_.load(to, is_scalar(at) ? scalar(at - CHAIN_FIRST_SCALAR) : source(at, 0));
  }

  void step(int k) {
    const ChainStep& s = chain_.steps[k];
    switch (s.op) {
      case CHAIN_LOAD:
      case CHAIN_SPREAD:
      case CHAIN_DEQUANTIZE:
        return fetch(k, s);
      case CHAIN_STORE:
      case CHAIN_STORE_IF:
      case CHAIN_QUANTIZE:
        return put(k, s);
      case CHAIN_SUM: {
        const int at = total(s.to - first_sum_);
        if (!is_scalar(s.a)) return code_.arithmetic(VADD, at, at, source(s.a, 0));
        break;
      }
      case CHAIN_SELECT:
        return select(s);
      case CHAIN_FMA:
        return multiply_add(VFMADD231, s);
      case CHAIN_FNMA:
        return multiply_add(VFNMADD231, s);
      case CHAIN_SIGN:
        return sign(s);
      case CHAIN_FINITE: {
        bits(VAND, temporary(0), s.a, ALL_BUT_SIGN);
        code_.compare(LESS_ORDERED, temporary(2), temporary(0), last(constant(INFINITE), 2));
        code_.load(temporary(1), constant(ONE));
        code_.arithmetic(VXOR, temporary(0), temporary(0), {.reg = temporary(0)});
        return code_.choose(s.to, temporary(2), temporary(1), temporary(0));
      }
      case binary_step(BINARY_ADD):
        return arithmetic(VADD, s.to, s.a, s.b);
      case binary_step(BINARY_SUB):
        return arithmetic(VSUB, s.to, s.a, s.b);
      case binary_step(BINARY_MUL):
        return arithmetic(VMUL, s.to, s.a, s.b);
      case binary_step(BINARY_DIV):
        return arithmetic(VDIV, s.to, s.a, s.b);
      // give their last operand where one is NaN or both are 0, as b < a ? b : a does
      case binary_step(BINARY_MINIMUM):
        return arithmetic(VMIN, s.to, s.b, s.a);
      case binary_step(BINARY_MAXIMUM):
        return arithmetic(VMAX, s.to, s.b, s.a);
      case unary_step(UNARY_SQRT):
        return root(s);
      case unary_step(UNARY_ABS):
        return bits(VAND, s.to, s.a, ALL_BUT_SIGN);
      case unary_step(UNARY_NEG):
        return bits(VXOR, s.to, s.a, SIGN_BIT);
      case unary_step(UNARY_SQUARE): {
        const int x = loaded(s.a, 0);
        return code_.arithmetic(VMUL, s.to, x, {.reg = x});
      }
      case unary_step(UNARY_RECIPROCAL):
        code_.load(temporary(0), constant(ONE));
        return code_.arithmetic(VDIV, s.to, temporary(0), source(s.a, 1));
    }
    possible_ = false;
  }

  // Operands of other types, and those that repeat, come and go by slots, all of them before and after the
  // block's own steps.
  void fetch(int k, const ChainStep& s) {
    if (s.op == CHAIN_LOAD && chain_.array[s.a].dtype == EASEL_F32) return code_.load(s.to, memory(s.a));
    if (written_[s.a]) possible_ = false;
    before.push_back({k, slots});
    code_.load(s.to, memory(chain_.arrays + slots++));
  }
  void put(int k, const ChainStep& s) {
    const int x = loaded(s.a, 0);
    written_[s.to] = true;
    if (s.op == CHAIN_QUANTIZE) written_[s.b] = true;
    if (chain_.array[s.to].dtype != EASEL_F32) {
      after.push_back({k, slots, s.op == CHAIN_QUANTIZE ? maximum(s.a) : -1});
      return code_.store(memory(chain_.arrays + slots++), x);
    }
    if (s.op == CHAIN_STORE) return code_.store(memory(s.to), x);
    const size_t skip = code_.skip_if_zero(4 * (s.c - CHAIN_FIRST_SCALAR));
    code_.store(memory(s.to), x);
    code_.land(skip);
  }

  // The largest magnitude of a block, where there is a register for it; of NaN the one before stays.
  int maximum(int at) {
    if (maxima_ >= most_ || is_scalar(at)) return -1;
    const int which = maxima_++, most = total(chain_.sums + which);
    bits(VAND, temporary(1), at, ALL_BUT_SIGN);
    code_.arithmetic(VMAX, most, temporary(1), {.reg = most});
    return which;
  }

  void root(const ChainStep& s) {
    if (!kWide || !intel_) return code_.root(s.to, source(s.a, 0));
    const int x = loaded(s.a, 0), own = x == temporary(0) ? s.to : temporary(0);
    const RootCode code{constant(HALF), constant(LEAST_ROOT), constant(INFINITE)};
    code.write(code_, s.to, x, own, temporary(1), temporary(2));
  }

  // The compiler leaves a product of two numbers outside of the loop, and rounds it.
  void multiply_add(int op, const ChainStep& s) {
    if (is_scalar(s.a) && is_scalar(s.b)) {
      possible_ = false;
      return;
    }
    const bool apart = s.to != s.a && s.to != s.b;
    const int sum = apart ? s.to : temporary(2);
    if (s.c != s.to || !apart) move(sum, s.c);
    const int x = loaded(s.a, 0);
    code_.multiply_add(op, sum, x, source(s.b, 1));
    if (!apart) move(s.to, sum);
  }
  void select(const ChainStep& s) {
    const int c = loaded(s.c, 2);
    code_.compare(NOT_EQUAL_UNORDERED, temporary(2), c, last(constant(ZERO), 1));
    const int a = loaded(s.a, 0), b = loaded(s.b, 1);
    code_.choose(s.to, temporary(2), a, b);
  }
  // The bits of 1 and its sign where it is a number but 0.
  void sign(const ChainStep& s) {
    const int x = loaded(s.a, 0);
    code_.arithmetic(VAND, temporary(1), x, last(constant(SIGN_BIT), 2));
    code_.arithmetic(VOR, temporary(1), temporary(1), last(constant(ONE), 2));
    code_.compare(NOT_EQUAL_ORDERED, temporary(2), x, last(constant(ZERO), 2));
    code_.choose(s.to, temporary(2), temporary(1), x);
  }
};

}  // namespace

inline namespace EASEL_ISA {

const float* ChainCode::constants() {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  static const float values[kConstants] = {0.0f, 1.0f,           infinity, -0.0f, bits_float(0x7fffffffu),
                                           0.5f, RootCode::least};
  return values;
}

std::shared_ptr<const ChainCode> compile_chain(const Instruction& i, const Chain& chain) {
  const char* wanted = getenv("EASEL_CHAINS");  // for tests: steps, or code and nothing else
  if (wanted && !strcmp(wanted, "steps")) return nullptr;
  const Writer writer(chain, i.outputs());
  const std::shared_ptr<void> pages = writer.possible() ? shared_code(writer.code().bytes) : nullptr;
  if (!pages) {
    i.require(!wanted, "it has no machine code");
    return nullptr;
  }
  const auto run = reinterpret_cast<ChainCode::Function>(pages.get());
  return std::make_shared<ChainCode>(
      ChainCode{run, writer.code().lanes(), writer.slots, writer.before, writer.after, pages});
}

}  // namespace EASEL_ISA
}  // namespace easel
