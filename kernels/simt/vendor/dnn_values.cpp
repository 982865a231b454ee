#include "dnn_values.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace simt {
namespace {

using Values = std::vector<float>;  // by rows, whatever the strides
using Index = std::vector<int64_t>;

void each(const Index& dims, const auto& body) {
  Index at(dims.size(), 0);
  int64_t n = 1;
  for (const int64_t d : dims) n *= d;
  for (int64_t k = 0; k < n; ++k) {
    body(k, at);
    for (size_t axis = dims.size(); axis-- > 0;) {
      if (++at[axis] < dims[axis]) break;
      at[axis] = 0;
    }
  }
}

int64_t offset(const Index& at, const Index& strides) {
  int64_t sum = 0;
  for (size_t k = 0; k < at.size(); ++k) sum += at[k] * strides[k];
  return sum;
}

// The place by rows of an index into a tensor whose axes of size 1 repeat.
int64_t place(const Index& at, const Index& dims) {
  int64_t sum = 0;
  for (size_t k = 0; k < at.size(); ++k) sum = sum * dims[k] + (dims[k] == 1 ? 0 : at[k]);
  return sum;
}

void round_to(Number type, Values& values) {
  for (float& v : values) {
    char bits[4];
    store(bits, type, 0, v);
    v = load(bits, type, 0);
  }
}

Values fetch(const DnnTensor& t, const void* from) {
  Values v(static_cast<size_t>(t.count()));
  each(t.dims, [&](int64_t k, const Index& at) { v[size_t(k)] = load(from, t.type, offset(at, t.strides)); });
  return v;
}

float apply(int mode, float x, float y) {
  switch (mode) {
    case 0:
      return x + y;
    case 1:
      return x * y;
    case 6:
      return x / y;
    case 9:
      return x - y;
    case 13:
      return std::exp(x);
    default:
      return std::log(x);
  }
}

Values pointwise(const DnnOperation& o, const Values& x, const Values* y) {
  Values z(static_cast<size_t>(o.c.count()));
  each(o.c.dims, [&](int64_t k, const Index& at) {
    z[size_t(k)] = apply(o.mode, x[size_t(place(at, o.a.dims))], y ? (*y)[size_t(place(at, o.b.dims))] : 0);
  });
  return z;
}

Values matmul(const DnnOperation& o, const Values& a, const Values& b) {
  const int64_t M = o.c.dims[2], N = o.c.dims[3], K = o.a.dims[3], stack = o.c.dims[0] * o.c.dims[1];
  Values c(size_t(stack * M * N), 0.f);
  for (int64_t s = 0; s < stack; ++s)
    for (int64_t m = 0; m < M; ++m)
      for (int64_t k = 0; k < K; ++k) {
        const float left = a[size_t((s * M + m) * K + k)];
        for (int64_t n = 0; n < N; ++n)
          c[size_t((s * M + m) * N + n)] += left * b[size_t((s * K + k) * N + n)];
      }
  return c;
}

Values reduce(const DnnOperation& o, const Values& x) {
  const bool most = o.mode == 3;
  Values y(size_t(o.b.count()), most ? -std::numeric_limits<float>::infinity() : 0.f);
  each(o.a.dims, [&](int64_t k, const Index& at) {
    float& to = y[size_t(place(at, o.b.dims))];
    to = most ? std::max(to, x[size_t(k)]) : to + x[size_t(k)];
  });
  return y;
}

// The same memory seen with other axes.
Values reshape(const DnnOperation& o, const Values& x) {
  Values memory(static_cast<size_t>(o.a.span())), y(static_cast<size_t>(o.b.count()));
  each(o.a.dims, [&](int64_t k, const Index& at) { memory[size_t(offset(at, o.a.strides))] = x[size_t(k)]; });
  each(o.b.dims, [&](int64_t k, const Index& at) { y[size_t(k)] = memory[size_t(offset(at, o.b.strides))]; });
  return y;
}

// Calls body(place in w, place in x, place in y) for every product of the convolution.
void windows(const DnnOperation& o, const auto& body) {
  const Index &w = o.a.dims, &x = o.b.dims, &y = o.c.dims;
  each(y, [&](int64_t to, const Index& at) {
    for (int64_t i = 0; i < x[1]; ++i)
      for (int64_t r = 0; r < w[2]; ++r)
        for (int64_t s = 0; s < w[3]; ++s) {
          const int64_t row = at[2] * o.strides[0] + r - o.pads_before[0],
                        column = at[3] * o.strides[1] + s - o.pads_before[1];
          if (row < 0 || row >= x[2] || column < 0 || column >= x[3]) continue;
          body(size_t(((at[1] * w[1] + i) * w[2] + r) * w[3] + s),
               size_t(((at[0] * x[1] + i) * x[2] + row) * x[3] + column), size_t(to));
        }
  });
}

Values convolve(const DnnOperation& o, const Values& first, const Values& second) {
  Values result(size_t(o.result().count()), 0.f);
  switch (o.kind) {
    case DnnOperation::kForward:
      windows(o, [&](size_t w, size_t x, size_t y) { result[y] += first[w] * second[x]; });
      break;
    case DnnOperation::kBackwardInput:
      windows(o, [&](size_t w, size_t x, size_t y) { result[x] += first[w] * second[y]; });
      break;
    default:
      windows(o, [&](size_t w, size_t x, size_t y) { result[w] += first[x] * second[y]; });
  }
  return result;
}

bool multiplies(const DnnOperation& o) {
  return o.kind <= DnnOperation::kBackwardWeight || o.kind == DnnOperation::kMatmul;
}

Values result_of(const DnnOperation& o, const Values& x, const Values* y) {
  switch (o.kind) {
    case DnnOperation::kPointwise:
      return pointwise(o, x, y);
    case DnnOperation::kMatmul:
      return matmul(o, x, *y);
    case DnnOperation::kReduce:
      return reduce(o, x);
    case DnnOperation::kReshape:
      return reshape(o, x);
    default:
      return convolve(o, x, *y);
  }
}

}  // namespace

int64_t DnnTensor::count() const {
  int64_t n = 1;
  for (const int64_t d : dims) n *= d;
  return n;
}
int64_t DnnTensor::span() const {
  int64_t last = 1;
  for (size_t k = 0; k < dims.size(); ++k) last += (dims[k] - 1) * strides[k];
  return last;
}

const DnnTensor& DnnOperation::result() const {
  switch (kind) {
    case kBackwardInput:
    case kReduce:
    case kReshape:
      return b;
    case kBackwardWeight:
      return a;
    default:
      return c;
  }
}
std::vector<const DnnTensor*> DnnOperation::operands() const {
  switch (kind) {
    case kBackwardInput:
      return {&a, &c};
    case kBackwardWeight:
      return {&b, &c};
    case kReduce:
    case kReshape:
      return {&a};
    default:
      return b.id ? std::vector<const DnnTensor*>{&a, &b} : std::vector<const DnnTensor*>{&a};
  }
}

const char* complaint(const DnnOperation& o) {
  for (const DnnTensor* t : {&o.a, &o.b, &o.c})
    if (t->id && t->dims.size() != 4) return "a tensor has not four axes";
  const Index &a = o.a.dims, &b = o.b.dims, &c = o.c.dims;
  switch (o.kind) {
    case DnnOperation::kPointwise: {
      for (size_t k = 0; k < 4; ++k)
        if ((a[k] != 1 && a[k] != c[k]) || (o.b.id && b[k] != 1 && b[k] != c[k])) return "shapes do not fit";
      const bool unary = o.mode == 13 || o.mode == 15,
                 binary = o.mode == 0 || o.mode == 1 || o.mode == 6 || o.mode == 9;
      return (unary && !o.b.id) || (binary && o.b.id) ? "" : "the mode does not fit";
    }
    case DnnOperation::kMatmul:
      return a[0] == c[0] && a[1] == c[1] && b[0] == c[0] && b[1] == c[1] && a[2] == c[2] && b[3] == c[3] &&
                     a[3] == b[2] && (o.a.type == o.b.type || o.a.is_virtual)
                 ? ""
                 : "a product's shapes or types do not fit";
    case DnnOperation::kReduce:
      for (size_t k = 0; k < 4; ++k)
        if (b[k] != 1 && b[k] != a[k]) return "a reduction's shapes do not fit";
      return o.mode == 0 || o.mode == 3 ? "" : "the mode is unknown";
    case DnnOperation::kReshape:
      return o.a.count() == o.b.count() && o.a.span() == o.b.span() ? "" : "a view's shapes do not fit";
    default:
      for (size_t k = 0; k < 2; ++k)
        if (c[k + 2] != (b[k + 2] + o.pads_before[k] + o.pads_after[k] - a[k + 2]) / o.strides[k] + 1)
          return "a window's sizes do not fit";
      return a[0] == c[1] && a[1] == b[1] && b[0] == c[0] ? "" : "a convolution's channels do not fit";
  }
}

void compute(const std::vector<DnnOperation>& operations, const std::map<int64_t, void*>& at, bool tf32) {
  std::map<int64_t, Values> known;
  const auto value = [&](const DnnTensor& t) {
    if (t.is_number) return Values{*static_cast<const float*>(at.at(t.id))};
    const auto found = known.find(t.id);
    return found != known.end() ? found->second : fetch(t, at.at(t.id));
  };
  for (const DnnOperation& o : operations) {
    std::vector<Values> x;
    for (const DnnTensor* t : o.operands()) x.push_back(value(*t));
    if (tf32 && multiplies(o))
      for (Values& v : x) std::transform(v.begin(), v.end(), v.begin(), to_tf32);
    if (o.kind == DnnOperation::kMatmul)
      round_to(o.b.type, x[0]);  // both operands are multiplied in one type
    Values y = result_of(o, x[0], x.size() > 1 ? &x[1] : nullptr);
    const DnnTensor& to = o.result();
    round_to(to.type, y);  // even where it stays between two operations
    if (!to.is_virtual)
      each(to.dims, [&](int64_t k, const Index& index) {
        store(at.at(to.id), to.type, offset(index, to.strides), y[size_t(k)]);
      });
    known[to.id] = std::move(y);
  }
}

}  // namespace simt
