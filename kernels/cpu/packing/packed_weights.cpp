// Weights in the layouts that oneDNN asks for. A frozen weight lies in memory once, in the type it is stored
// in and the layout that was asked for first. What else is wanted of it is made anew in each run, in scratch:
// float32 of 16 bits (SD1.5's U-Net would take another 3.3 GB) and what input gradients read (0.9 GB in bf16,
// to be had for 4 % of a training step).
#include "../onednn.h"
#include "relayout.h"

namespace easel {
namespace {

using dnnl::memory;

memory::desc in_type(memory::desc desc, int32_t dtype) {
  desc.data.data_type = dtype == EASEL_F32 ? dnnl_f32 : dtype == EASEL_BF16 ? dnnl_bf16 : dnnl_f16;
  return desc;
}

std::string bytes_of(const memory::desc& desc) {
  return std::string(reinterpret_cast<const char*>(&desc.data), sizeof desc.data);
}

// What names the packed copies of these weights; the bytes of a copy's layout follow.
std::string packed_key(const Tensor& w, const memory::desc& plain) {
  return std::to_string(w.buffer_id) + "+" + std::to_string(w.offset) + "/" + std::to_string(w.dtype) +
         bytes_of(plain);
}

// A packed copy of frozen weights, and its layout.
struct Packed {
  std::shared_ptr<Block> block;
  memory::desc desc;
};

// A copy that some program holds, one in the preferred layout if there is one; plain is in w's own type. Null
// if there is none.
Packed find(const Instruction& i, const Tensor& w, const memory::desc& plain, const memory::desc* preferred) {
  const auto [block, layout] =
      i.device().find_packed(packed_key(w, plain), preferred ? bytes_of(*preferred) : "");
  Packed found{block, {}};
  if (block) memcpy(&found.desc.data, layout.data(), sizeof found.desc.data);
  return found;
}

// By oneDNN where it has code for it: its loop over 16 bits without AVX-512 takes 50 ns an element.
void reorder(const memory::desc& to_desc, char* to, const memory::desc& from_desc, char* from) {
  const dnnl::reorder::primitive_desc pd(onednn_engine(), from_desc, onednn_engine(), to_desc, {}, true);
  if (Relayout::possible(from_desc) && Relayout::possible(to_desc) &&
      !(pd && strstr(pd.impl_info_str(), "jit")))
    return Relayout(from_desc, to_desc, false).run(to, from);
  memory source(from_desc, onednn_engine(), from), target(to_desc, onednn_engine(), to);
  dnnl::reorder(pd).execute(onednn_stream(), source, target);
  onednn_stream().wait();
}

// The copy in that layout; where there is none it is made, and stands for the plain bytes from then on.
Packed packed(const Instruction& i, const Tensor& w, const memory::desc& plain, const memory::desc& kept) {
  const auto make = [&](char* target) {
    i.device().plain.need(w.buffer_id);
    reorder(kept, target, plain, w.data);
  };
  const std::shared_ptr<Block> block =
      i.device().packed(packed_key(w, plain), bytes_of(kept), kept.get_size(), make, i.program());
  i.device().plain.restorable(w,
                              [block, plain, kept, to = w.data] { reorder(plain, to, kept, block->data); });
  return {block, kept};
}

// From the plain bytes, in each run.
Place reordered(const Instruction& i, const Weights& weights, Sequence& steps) {
  const auto& [w, plain, wanted, convert] = weights;
  const Place source = convert ? as_float(i, w, steps) : Place{w.data, {}};
  if (wanted == plain) return source;
  const Place place{nullptr, i.scratch(wanted.get_size())};
  const dnnl::reorder::primitive_desc pd(onednn_engine(), plain, onednn_engine(), wanted, base_attributes());
  Call call(i, dnnl::reorder(pd), pd.scratchpad_desc());
  call.add(DNNL_ARG_FROM, plain, source);
  call.add(DNNL_ARG_TO, wanted, place);
  steps.add(std::move(call));
  return place;
}

// From a copy, in each run.
Place relaid(const Instruction& i, const Tensor& w, const Packed& copy, const memory::desc& wanted,
             Relayout relayout, Sequence& steps) {
  i.program().packed.push_back(copy.block);
  i.program().reads_packed.push_back(w.buffer_id);
  const Place to{nullptr, i.scratch(wanted.get_size())};
  steps.add([to, from = copy.block->data, relayout = std::move(relayout)] { relayout.run(to.get(), from); });
  return to;
}

// A copy of 16 bits in its own layout as float32, in each run.
Place widened(const Instruction& i, const Tensor& w, const Packed& copy, Sequence& steps) {
  i.program().packed.push_back(copy.block);
  i.program().reads_packed.push_back(w.buffer_id);
  const int64_t n = int64_t(copy.desc.get_size() / 2);
  return as_float(i, {w.dtype, 1, {n}, copy.block->data, true, 0, 0}, steps);
}

// Frozen weights of 16 bits in float32. A copy of 16 bits lies as float32 are wanted.
Place converted(const Instruction& i, const Weights& weights, Sequence& steps) {
  const auto& [w, plain, wanted, convert] = weights;
  if (wanted == plain || !Relayout::possible(wanted)) return reordered(i, weights, steps);
  const memory::desc stored = in_type(plain, w.dtype), kept = in_type(wanted, w.dtype);
  Packed copy = find(i, w, stored, &kept);
  if (!copy.block) copy = packed(i, w, stored, kept);
  if (copy.desc == kept) return widened(i, w, copy, steps);
  if (!Relayout::possible(copy.desc)) return reordered(i, weights, steps);
  return relaid(i, w, copy, wanted, Relayout(copy.desc, wanted, false), steps);
}

}  // namespace

inline namespace EASEL_ISA {

Place packed_weights(const Instruction& i, const Weights& weights, Sequence& steps) {
  const auto& [w, plain, wanted, convert] = weights;
  if (!w.frozen) return reordered(i, weights, steps);
  if (convert && w.dtype != EASEL_F32) return converted(i, weights, steps);
  if (wanted == plain) return {w.data, {}};
  const Packed other = find(i, w, plain, &wanted);
  if (other.block && other.desc != wanted && Relayout::possible(other.desc) && Relayout::possible(wanted))
    if (Relayout relayout(other.desc, wanted, false); relayout.by_tiles())
      return relaid(i, w, other, wanted, std::move(relayout), steps);
  const Packed copy = packed(i, w, plain, wanted);
  i.program().reads_packed.push_back(w.buffer_id);
  return {copy.block->data, {}};
}

std::pair<char*, memory::desc> weights_as_they_lie(const Instruction& i, const Weights& weights) {
  const auto& [w, plain, wanted, convert] = weights;
  if (!w.frozen) return {w.data, plain};
  const memory::desc stored = in_type(plain, w.dtype), kept = in_type(wanted, w.dtype);
  Packed copy = find(i, w, stored, &kept);
  if (!copy.block && wanted == plain) return {w.data, plain};
  if (!copy.block) copy = packed(i, w, stored, kept);
  i.require(Relayout::possible(copy.desc), "oneDNN wants its weights in an unknown layout");
  i.program().packed.push_back(copy.block);
  i.program().reads_packed.push_back(w.buffer_id);
  return {copy.block->data, copy.desc};
}

Place reversed_weights(const Instruction& i, const Tensor& w, const memory::desc& wanted, Sequence& steps) {
  i.require(Relayout::possible(wanted), "oneDNN wants its weights in an unknown layout");
  const memory::desc plain = in_type(
      {{w.dims[0], w.dims[1], w.dims[2], w.dims[3]}, memory::data_type::f32, memory::format_tag::oihw},
      w.dtype);
  // Read from what the forward convolution packed, so that the plain bytes may stay away.
  if (const Packed copy = find(i, w, plain, nullptr); copy.block && Relayout::possible(copy.desc))
    return relaid(i, w, copy, wanted, Relayout(copy.desc, wanted, true), steps);
  const Place to{nullptr, i.scratch(wanted.get_size())};
  steps.add([to, from = w.data, relayout = Relayout(plain, wanted, true)] { relayout.run(to.get(), from); });
  return to;
}

}  // namespace EASEL_ISA
}  // namespace easel
