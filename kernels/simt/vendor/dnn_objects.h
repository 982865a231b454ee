// The objects of cuDNN's interface as its stand-in keeps them.
#pragma once
#include <map>
#include <memory>
#include <vector>

#include "dnn_values.h"

namespace simt {

struct Object {
  explicit Object(int kind) : kind(kind) {}
  int kind;
  bool final = false;
  struct Value {
    int type;
    std::vector<char> bytes;
    std::vector<std::shared_ptr<Object>> objects;
  };
  std::map<int, Value> set;
  int guess = 0;  // of an engine configuration, an engine, a plan

  bool has(int attribute) const { return set.count(attribute); }
  template <typename T>
  std::vector<T> all(int attribute) const {
    const auto found = set.find(attribute);
    if (found == set.end()) return {};
    std::vector<T> values(found->second.bytes.size() / sizeof(T));
    memcpy(values.data(), found->second.bytes.data(), values.size() * sizeof(T));
    return values;
  }
  template <typename T>
  T one(int attribute, T otherwise = {}) const {
    const std::vector<T> values = all<T>(attribute);
    return values.empty() ? otherwise : values[0];
  }
  const Object& object(int attribute) const { return *set.at(attribute).objects[0]; }
};
using Handle = std::shared_ptr<Object>;

size_t bytes_of_type(int type);  // of a cudnnBackendAttributeType_t

struct Known {
  int type;
  bool required;
};
// The attributes of each kind of object that can be set.
const std::map<int, std::map<int, Known>>& known();

bool is_operation(int kind);
DnnOperation operation_of(const Object& o);
// Of a finalized graph of operations.
std::vector<DnnOperation> operations_of(const Object& graph);

}  // namespace simt
