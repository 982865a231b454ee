// See onednn.h: the parts that do not depend on the instruction-set level.
#include "onednn.h"

namespace easel {

dnnl::engine& onednn_engine() {
  static dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

dnnl::stream& onednn_stream() {
  static dnnl::stream stream(onednn_engine());
  return stream;
}

dnnl::memory::data_type onednn_type(int32_t dtype) {
  if (dtype == EASEL_F32) return dnnl::memory::data_type::f32;
  if (dtype == EASEL_BF16) return dnnl::memory::data_type::bf16;
  throw Failure(EASEL_UNSUPPORTED, std::string(dtype_name(dtype)) + " is no type oneDNN computes in");
}

bool is_slow(const char* implementation) { return strstr(implementation, "ref") != nullptr; }

dnnl::primitive_attr base_attributes() {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attributes;
}

Call::Call(const Instruction& i, const dnnl::primitive& primitive, const dnnl::memory::desc& scratchpad)
    : primitive_(primitive) {
  if (scratchpad.get_size())
    add(DNNL_ARG_SCRATCHPAD, scratchpad, {nullptr, i.scratch(scratchpad.get_size())});
}

void Call::add(int argument, const dnnl::memory::desc& desc, const Place& place) {
  memories_.emplace_back(desc, onednn_engine(),
                         place.data ? static_cast<void*>(place.data) : DNNL_MEMORY_NONE);
  arguments_.push_back({argument, memories_.back().get()});
  if (!place.data) late_.emplace_back(memories_.size() - 1, place);
}

void Call::operator()() {
  for (const auto& [index, place] : late_) memories_[index].set_data_handle(place.get());
  late_.clear();
  const dnnl_status_t status = dnnl_primitive_execute(primitive_.get(), onednn_stream().get(),
                                                      int(arguments_.size()), arguments_.data());
  if (status != dnnl_success) throw Failure(EASEL_FAILED, "oneDNN status " + std::to_string(int(status)));
}

}  // namespace easel
