// A graph of operations as cuDNN computes it, and the plans it offers for that.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "cudnn.h"

namespace easel {

// One of cuDNN's objects, which frees itself. Everything throws Failure.
class DnnObject {
 public:
  DnnObject(const Cudnn& library, dnn::Kind kind);
  ~DnnObject();
  DnnObject(const DnnObject&) = delete;
  DnnObject& operator=(const DnnObject&) = delete;

  void set(int attribute, dnn::Type type, const void* values, int64_t count);
  void set(int attribute, dnn::Type type, int value) { set(attribute, type, &value, 1); }
  void set(int attribute, int64_t value) { set(attribute, dnn::kInt64, &value, 1); }
  void set(int attribute, float value) { set(attribute, dnn::kFloat, &value, 1); }
  void set(int attribute, bool value) { set(attribute, dnn::kBoolean, &value, 1); }
  void set(int attribute, DnnHandle value) { set(attribute, dnn::kHandle, &value, 1); }
  void set(int attribute, const DnnObject& other) { set(attribute, dnn::kDescriptor, &other.descriptor_, 1); }
  void set(int attribute, const std::vector<int64_t>& values) {
    set(attribute, dnn::kInt64, values.data(), int64_t(values.size()));
  }
  // At most `most` values; gives how many there are.
  int64_t get(int attribute, dnn::Type type, void* values, int64_t most) const;
  // For what the library may well refuse.
  bool try_finalize() const { return library_.finalize(descriptor_) == 0; }
  void finalize(const char* what) const { library_.check(library_.finalize(descriptor_), what); }
  DnnDescriptor descriptor() const { return descriptor_; }

 private:
  const Cudnn& library_;
  DnnDescriptor descriptor_ = nullptr;
};

// What plans are made for: the handle's card or, to look at plans without a card, a description of one.
struct DnnTarget {
  DnnHandle handle = nullptr;
  const DnnObject* card = nullptr;
};

struct DnnPlan {
  std::unique_ptr<DnnObject> object;
  size_t workspace;  // bytes
  int guess;         // its place among the library's guesses
};

// How a tensor of four axes (batch, channels, height, width, or batch, head, row, column) lies in memory.
struct DnnShape {
  std::vector<int64_t> dims, strides;  // strides in elements
  DnnShape swapped() const;            // with the last two axes swapped: the same memory seen transposed
};

class DnnGraph {
 public:
  explicit DnnGraph(const Cudnn& library) : library_(library) {}

  // A tensor in memory, aligned to so many bytes; its id, by which a run finds it.
  int64_t tensor(int type, const DnnShape& shape, int64_t alignment);
  // A value between two operations, which need not exist in memory.
  int64_t between(const DnnShape& shape, int type = dnn::kF32);
  // One f32 number, read from host memory at each run.
  int64_t number();

  struct Window {
    std::vector<int64_t> strides, pads_before, pads_after;
  };
  // alpha: the attribute with which the operation's begin; a, b, c: the tensors in the order cudnn.h tells.
  void convolution(dnn::Kind kind, dnn::Attribute alpha, const Window& window, int64_t a, int64_t b,
                   int64_t c);
  // y = x (mode) b; b 0: there is none. Axes of size 1 repeat.
  void pointwise(int mode, int64_t x, int64_t b, int64_t y);
  void matmul(int64_t a, int64_t b, int64_t c);
  // y has size 1 where x is to be reduced.
  void reduce(int mode, int64_t x, int64_t y);
  void reshape(int64_t x, int64_t y);

  // The library's first guesses, at most `most` and each with at most `workspace` bytes: without those whose
  // result varies from run to run, or that round inputs or sums to less than they are. exact: nor those that
  // round f32 operands for tensor cores. only: that guess alone; -1: all. Empty where it has none.
  std::vector<DnnPlan> plans(const DnnTarget& target, size_t most, size_t workspace, bool exact,
                             int only = -1);

 private:
  int64_t add(int type, const DnnShape& shape, int64_t alignment, dnn::Attribute flag, bool value);
  // An operation's own object, made from a description: both are kept.
  DnnObject& describe(dnn::Kind kind);
  DnnObject& operation(dnn::Kind kind);
  const DnnObject& at(int64_t id) const { return *tensors_[size_t(id - 1)]; }
  std::vector<std::unique_ptr<DnnObject>> guesses(const DnnTarget& target, int mode) const;
  // Whether an engine configuration keeps to what plans() promises.
  bool sound(const DnnObject& config, bool exact) const;

  const Cudnn& library_;
  std::vector<std::unique_ptr<DnnObject>> tensors_, descriptions_, operations_;
  std::unique_ptr<DnnObject> graph_;
};

}  // namespace easel
