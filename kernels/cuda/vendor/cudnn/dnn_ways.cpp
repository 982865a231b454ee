#include "dnn_ways.h"

namespace easel {

int dnn_type(int32_t dtype) {
  return dtype == EASEL_F32 ? dnn::kF32 : dtype == EASEL_F16 ? dnn::kF16 : dnn::kBf16;
}

void DnnWays::find(size_t most, size_t limit, bool exact, int id) {
  scratch_bytes_ = whole(scratch_bytes_);  // the workspace lies behind it
  if (scratch_bytes_ < limit)
    plans_ = graph.plans({.handle = library_.handle}, most, limit - scratch_bytes_, exact, id);
}

void DnnWays::run(int which, const Places& at, const Address& workspace) const {
  std::vector<int64_t> ids;
  std::vector<void*> pointers;
  const auto put = [&](int64_t id, void* pointer) {
    ids.push_back(id);
    pointers.push_back(pointer);
  };
  for (const auto& [id, operand] : operands_) put(id, at[operand].get());
  for (const auto& [id, number] : numbers_) put(id, const_cast<float*>(&number));
  if (scratch_id_) put(scratch_id_, workspace.get());
  DnnObject pack(library_, dnn::kVariantPack);
  void* const behind = workspace.present() ? workspace.get() + scratch_bytes_ : nullptr;
  pack.set(dnn::kPackIds, ids);
  pack.set(dnn::kPackPointers, dnn::kPointer, pointers.data(), int64_t(pointers.size()));
  pack.set(dnn::kPackWorkspace, dnn::kPointer, &behind, 1);
  pack.finalize("cuDNN: the operands");
  library_.check(
      library_.execute(library_.handle, plans_[size_t(which)].object->descriptor(), pack.descriptor()),
      "cudnnBackendExecute");
}

}  // namespace easel
