// The checks of the ops that go element by element.
#include "pointwise.h"

namespace easel {
namespace {

int32_t function_of(const Instruction& i, int attribute, int32_t last) {
  const int64_t fn = i.integer(attribute);
  i.require(fn >= 0 && fn <= last, "there is no such function");
  return int32_t(fn);
}

}  // namespace

void check_copy(const Instruction& i) {
  i.require_counts(0, 2);
  const Tensor &y = i.in(0), &x = i.in(1);
  i.require(x.count() == y.count(), "the sizes differ");
  if (x.dtype == y.dtype) return;
  i.require_float(y);
  i.require_float(x);
}

void check_accumulate(const Instruction& i) {
  i.require_counts(0, 2);
  const Tensor &y = i.in(0), &x = i.in(1);
  i.require(y.dtype == EASEL_F32, "the target must be f32");
  i.require(x.count() == y.count(), "the sizes differ");
  i.require_float(x);
}

void check_cast(const Instruction& i) {
  i.require_counts(1, 1);
  const Tensor &y = i.out(0), &x = i.in(0);
  i.require(x.same_shape(y), "the shapes differ");
  i.require(i.integer(ATTR_CAST_DTYPE) == y.dtype, "the output has another dtype than the attribute says");
  if (x.dtype != EASEL_I32 && x.dtype != EASEL_F8) i.require_float(x);
  if (y.dtype != EASEL_I32 || x.dtype == EASEL_F8) i.require_float(y);
  i.require(x.dtype != EASEL_I32 || y.dtype != EASEL_I32, "is no cast");
}

void check_affine(const Instruction& i) {
  i.require_counts(1, 1);
  i.require_same(i.out(0), i.in(0));
  i.require_float(i.in(0));
}

namespace {

void check_adamw_operands(const Instruction& i) {
  for (int k = 0; k < 6; ++k) i.require(i.in(k).dtype == EASEL_F32, "operands must be f32");
  for (int k = 1; k < 4; ++k) i.require_same(i.in(0), i.in(k));
  i.require(i.in(4).count() == 7 && i.in(5).count() == 1, "hyper is (7), gradScale (1)");
}

}  // namespace

void check_adamw(const Instruction& i) {
  i.require_counts(0, 6);
  check_adamw_operands(i);
}

void check_adamw_outcome(const Instruction& i) {
  i.require_counts(1, 6);
  check_adamw_operands(i);
  const Tensor& squares = i.out(0);
  i.require(squares.dtype == EASEL_F32 && squares.rank == 1 && squares.count() > 0,
            "the output must be f32 (parts)");
}

int32_t unary_function(const Instruction& i) {
  i.require_counts(1, 1);
  i.require_same(i.out(0), i.in(0));
  i.require_float(i.in(0));
  return function_of(i, ATTR_UNARY_FN, UNARY_RECIPROCAL);
}

int32_t unary_backward_function(const Instruction& i) {
  i.require_counts(1, 2);
  const Tensor &dx = i.out(0), &dy = i.in(0), &x = i.in(1);
  i.require_same(dx, x);
  i.require_same(dy, x);
  i.require_float(x);
  return function_of(i, ATTR_UNARY_BACKWARD_FN, UNARY_RECIPROCAL);
}

int32_t binary_function(const Instruction& i) {
  i.require_counts(1, 2);
  const Tensor &y = i.out(0), &a = i.in(0), &b = i.in(1);
  const int32_t fn = function_of(i, ATTR_BINARY_FN, BINARY_MAXIMUM);
  i.require(a.dtype == y.dtype && b.dtype == y.dtype, "operands need one dtype");
  if (y.dtype == EASEL_I32)
    i.require(fn != BINARY_DIV, "i32 has no division");
  else
    i.require_float(y);
  return fn;
}

}  // namespace easel
