// The stand-in for libcublasLt: the functions that kernels/cuda/vendor/cublaslt/cublaslt.h names, computed on
// the host when the simulator's stream gets there, and as strict about attributes, shapes, alignment and
// memory as the library is. It offers two algorithms, a late one and one that fills a workspace.
// EASEL_SIMT_CUBLASLT makes it go wrong: "wrong" (one element), "nan", "outside" (an element before the
// result), "tf32", "error", "none" (no algorithm), "old", "create", "slow", "lost" (the card).
#include <atomic>
#include <chrono>
#include <limits>
#include <map>
#include <thread>
#include <vector>

#include "host.h"

using namespace simt;

namespace {

enum : int {
  kSuccess = 0,
  kNotInitialized = 1,
  kInvalidValue = 7,
  kExecutionFailed = 13,
  kNotSupported = 15,
};
constexpr int kF32 = 0, kF16 = 2, kBf16 = 14;
constexpr size_t kWorkspace = 4096;

using Attributes = std::map<int, std::vector<char>>;
struct Description {
  Attributes set;
};
struct Layout {
  int type;
  int64_t rows, columns, ld;
  Attributes set;
};
struct Preference {
  Attributes set;
};
struct Algorithm {
  uint64_t kind, alignment[4], unused[3];
};
struct Heuristic {
  Algorithm algorithm;
  size_t workspace;
  int status;
  float waves;
  int reserved[4];
};

std::atomic<int> heuristics_asked, products_enqueued;

bool mode(const char* name) { return setting("EASEL_SIMT_CUBLASLT", name); }

// Attributes that exist here, and the bytes of each.
int set(Attributes& attributes, const std::map<int, size_t>& known, int attribute, const void* value,
        size_t bytes) {
  const auto found = known.find(attribute);
  if (found == known.end() || !value || found->second != bytes) return kInvalidValue;
  const char* from = static_cast<const char*>(value);
  attributes[attribute] = {from, from + bytes};
  return kSuccess;
}
template <typename T>
T value(const Attributes& attributes, int attribute, T otherwise) {
  const auto found = attributes.find(attribute);
  if (found != attributes.end()) memcpy(&otherwise, found->second.data(), sizeof otherwise);
  return otherwise;
}
int64_t batch(const Layout& l) { return value<int32_t>(l.set, 5, 1); }
int64_t offset(const Layout& l) { return value<int64_t>(l.set, 6, 0); }
Number number(int type) { return type == kF32 ? Number::f32 : type == kF16 ? Number::f16 : Number::bf16; }
int64_t element(int type) { return bytes_of(number(type)); }
int64_t span(const Layout& l) {
  return ((batch(l) - 1) * offset(l) + (l.columns - 1) * l.ld + l.rows) * element(l.type);
}

// One call's work, all of it copied.
struct Work {
  Layout a, b, c, d;
  const void *at_a, *at_b, *at_c, *bias;
  void *at_d, *workspace;
  bool transposed_a, transposed_b;
  float alpha, beta;
  int64_t m, n, k;
  int milliseconds;
  bool tf32, wrong, nan, outside, lost;

  void member(int64_t s) const;
};

// Column-major: d(i, j) = sum over l of a(i, l) b(l, j).
void Work::member(int64_t s) const {
  std::vector<float> left(size_t(m * k)), sums(static_cast<size_t>(m));
  for (int64_t l = 0; l < k; ++l)
    for (int64_t i = 0; i < m; ++i) {
      const float x =
          load(at_a, number(a.type), s * offset(a) + (transposed_a ? l + i * a.ld : i + l * a.ld));
      left[size_t(l * m + i)] = tf32 ? to_tf32(x) : x;
    }
  for (int64_t j = 0; j < n; ++j) {
    std::fill(sums.begin(), sums.end(), 0.f);
    for (int64_t l = 0; l < k; ++l) {
      float y = load(at_b, number(b.type), s * offset(b) + (transposed_b ? j + l * b.ld : l + j * b.ld));
      if (tf32) y = to_tf32(y);
      const float* column = left.data() + l * m;
      for (int64_t i = 0; i < m; ++i) sums[size_t(i)] += column[i] * y;
    }
    for (int64_t i = 0; i < m; ++i) {
      float x = alpha * sums[size_t(i)];
      if (beta != 0) x += beta * load(at_c, number(c.type), s * offset(c) + i + j * c.ld);
      if (bias) x += load(bias, number(d.type), i);
      store(at_d, number(d.type), s * offset(d) + i + j * d.ld, x);
    }
  }
}

int run(void* argument) {
  const Work& w = *static_cast<Work*>(argument);
  if (w.lost) return 719;
  if (w.milliseconds) std::this_thread::sleep_for(std::chrono::milliseconds(w.milliseconds));
  if (w.workspace) memset(w.workspace, 0xff, kWorkspace);
  for (int64_t s = 0; s < batch(w.d); ++s) w.member(s);
  const int64_t last = (batch(w.d) - 1) * offset(w.d) + (w.n - 1) * w.d.ld + w.m - 1;
  if (w.wrong) store(w.at_d, number(w.d.type), last, load(w.at_d, number(w.d.type), last) + 10);
  if (w.nan) store(w.at_d, number(w.d.type), last, std::numeric_limits<float>::quiet_NaN());
  if (w.outside) store(w.at_d, number(w.d.type), -1, 100);
  return 0;
}

}  // namespace

EXPORT int easel_simt_cublaslt_asked() { return heuristics_asked; }
EXPORT int easel_simt_cublaslt_enqueued() { return products_enqueued; }

EXPORT size_t cublasLtGetVersion() { return mode("old") ? 110002 : 130101; }
EXPORT const char* cublasLtGetStatusName(int status) {
  switch (status) {
    case kNotInitialized:
      return "CUBLAS_STATUS_NOT_INITIALIZED";
    case kInvalidValue:
      return "CUBLAS_STATUS_INVALID_VALUE";
    case kExecutionFailed:
      return "CUBLAS_STATUS_EXECUTION_FAILED";
    case kNotSupported:
      return "CUBLAS_STATUS_NOT_SUPPORTED";
    default:
      return "CUBLAS_STATUS_SUCCESS";
  }
}
EXPORT int cublasLtCreate(Simulator** handle) {
  const Simulator found = simulator();
  if (mode("create") || !found.found()) return kNotInitialized;
  *handle = new Simulator(found);
  return kSuccess;
}
EXPORT int cublasLtDestroy(Simulator* handle) {
  delete handle;
  return kSuccess;
}

EXPORT int cublasLtMatmulDescCreate(Description** made, int compute, int scale) {
  if (compute != 68 || scale != kF32) return kInvalidValue;
  *made = new Description;
  return kSuccess;
}
EXPORT int cublasLtMatmulDescDestroy(Description* d) {
  delete d;
  return kSuccess;
}
EXPORT int cublasLtMatmulDescSetAttribute(Description* d, int attribute, const void* value, size_t bytes) {
  return set(d->set, {{3, 4}, {4, 4}, {7, 4}, {8, 8}}, attribute, value, bytes);
}
EXPORT int cublasLtMatrixLayoutCreate(Layout** made, int type, uint64_t rows, uint64_t columns, int64_t ld) {
  if ((type != kF32 && type != kF16 && type != kBf16) || !rows || !columns || ld < int64_t(rows))
    return kInvalidValue;
  *made = new Layout{type, int64_t(rows), int64_t(columns), ld, {}};
  return kSuccess;
}
EXPORT int cublasLtMatrixLayoutDestroy(Layout* l) {
  delete l;
  return kSuccess;
}
EXPORT int cublasLtMatrixLayoutSetAttribute(Layout* l, int attribute, const void* value, size_t bytes) {
  return set(l->set, {{5, 4}, {6, 8}}, attribute, value, bytes);
}
EXPORT int cublasLtMatmulPreferenceCreate(Preference** made) {
  *made = new Preference;
  return kSuccess;
}
EXPORT int cublasLtMatmulPreferenceDestroy(Preference* p) {
  delete p;
  return kSuccess;
}
EXPORT int cublasLtMatmulPreferenceSetAttribute(Preference* p, int attribute, const void* value,
                                                size_t bytes) {
  return set(p->set, {{1, 8}, {3, 4}, {5, 4}, {6, 4}, {7, 4}, {8, 4}}, attribute, value, bytes);
}

EXPORT int cublasLtMatmulAlgoGetHeuristic(Simulator* handle, Description*, Layout* a, Layout* b, Layout* c,
                                          Layout* d, Preference* preference, int wanted, Heuristic* found,
                                          int* count) {
  ++heuristics_asked;
  *count = 0;
  if (!handle || !a || !b || !c || !d || !preference || wanted < 1) return kInvalidValue;
  if (mode("none")) return kNotSupported;
  const auto room = value<uint64_t>(preference->set, 1, 0);
  for (uint64_t kind = 0; kind < 2 && *count < wanted; ++kind) {
    if (kind * kWorkspace > room) break;
    Heuristic& h = found[(*count)++];
    h = {};
    h.algorithm.kind = kind;
    for (int k = 0; k < 4; ++k) h.algorithm.alignment[k] = value<uint32_t>(preference->set, 5 + k, 256);
    h.workspace = kind * kWorkspace;
  }
  return kSuccess;
}

EXPORT int cublasLtMatmul(Simulator* handle, Description* description, const float* alpha, const void* a,
                          Layout* la, const void* b, Layout* lb, const float* beta, const void* c, Layout* lc,
                          void* d, Layout* ld, const Algorithm* algorithm, void* workspace, size_t bytes,
                          void*) {
  ++products_enqueued;
  if (mode("error")) return kExecutionFailed;
  if (!handle || !algorithm || algorithm->kind > 1) return kInvalidValue;
  const Attributes& set = description->set;
  Work w{};
  w.a = *la, w.b = *lb, w.c = *lc, w.d = *ld;
  w.at_a = a, w.at_b = b, w.at_c = c, w.at_d = d;
  w.alpha = *alpha, w.beta = *beta;
  w.transposed_a = value<int32_t>(set, 3, 0) == 1, w.transposed_b = value<int32_t>(set, 4, 0) == 1;
  w.m = ld->rows, w.n = ld->columns, w.k = w.transposed_a ? la->rows : la->columns;
  const bool fit =
      (w.transposed_a ? la->columns : la->rows) == w.m && (w.transposed_b ? lb->columns : lb->rows) == w.k &&
      (w.transposed_b ? lb->rows : lb->columns) == w.n && lc->rows == w.m && lc->columns == w.n &&
      batch(*la) == batch(*ld) && batch(*lb) == batch(*ld) && batch(*lc) == batch(*ld) &&
      la->type == lb->type && lc->type == ld->type && (ld->type == la->type || ld->type == kF32);
  if (!fit) return kInvalidValue;
  const void* at[] = {a, b, c, d};
  const Layout* layouts[] = {la, lb, lc, ld};
  for (int k = 0; k < 4; ++k)
    if (uintptr_t(at[k]) % algorithm->alignment[k] || !handle->owns(at[k], size_t(span(*layouts[k]))))
      return kInvalidValue;
  if (value<uint32_t>(set, 7, 1) == 4) {
    w.bias = value<const void*>(set, 8, nullptr);
    if (!handle->owns(w.bias, size_t(w.m * element(ld->type)))) return kInvalidValue;
  }
  if (algorithm->kind == 1) {
    w.workspace = workspace;
    if (bytes < kWorkspace || uintptr_t(workspace) % 256 || !handle->owns(workspace, kWorkspace))
      return kInvalidValue;
  }
  w.milliseconds = mode("slow") ? 100 : algorithm->kind == 0 ? 3 : 0;
  w.tf32 = mode("tf32"), w.wrong = mode("wrong"), w.nan = mode("nan"), w.outside = mode("outside"),
  w.lost = mode("lost");
  return handle->submit(run, new Work(w), [](void* p) { delete static_cast<Work*>(p); }) == 0
             ? kSuccess
             : kExecutionFailed;
}
