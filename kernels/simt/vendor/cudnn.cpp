// The stand-in for libcudnn: the functions that kernels/cuda/vendor/cudnn/cudnn.h names, computed on the host
// when the simulator's stream gets there, and as strict about attributes, shapes, alignment and memory as the
// library is. Its guesses are, in this order: one that says its results vary, one that says it rounds f32
// operands for tensor cores (and does), a late one and one that fills a workspace.
// EASEL_SIMT_CUDNN makes it go wrong: "wrong" (one element), "nan", "outside" (an element before the result),
// "error", "capture" (an error while a graph is recorded), "none" (no guess), "old", "create", "slow", "lost"
// (the card).
#include "../../cuda/vendor/cudnn/cudnn.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <limits>
#include <memory>
#include <string>
#include <thread>

#include "dnn_objects.h"

using namespace simt;
namespace dnn = easel::dnn;

namespace {

enum : int { kSuccess = 0, kNotInitialized = 1001, kBadParam = 2000, kNotSupported = 3000, kFailed = 5000 };
constexpr int64_t kWorkspace = 4096;
constexpr int kGuesses = 4;
enum Guess { kVarying, kRounding, kLate, kSpacious };

std::atomic<int> graphs_asked, plans_executed;
thread_local std::string reason;

bool mode(const char* name) { return setting("EASEL_SIMT_CUDNN", name); }

int refuse(int status, const std::string& text) {
  reason = text;
  return status;
}

const Object& graph_of(const Object& plan) {
  return plan.object(dnn::kPlanConfig).object(dnn::kHeuristicsGraph);
}

// Whether each value between operations is computed before it is used.
bool ordered(const std::vector<DnnOperation>& all) {
  std::vector<int64_t> made;
  for (const DnnOperation& o : all) {
    for (const DnnTensor* t : o.operands())
      if (t->is_virtual && std::find(made.begin(), made.end(), t->id) == made.end()) return false;
    made.push_back(o.result().id);
  }
  return true;
}

// One execution's work, all of it copied.
struct Work {
  std::vector<DnnOperation> operations;
  std::map<int64_t, void*> at;
  std::map<int64_t, float> numbers;
  void* workspace = nullptr;
  int guess = 0, milliseconds = 0;
  bool wrong = false, nan = false, outside = false, lost = false;
};

int run(void* argument) {
  Work& w = *static_cast<Work*>(argument);
  if (w.lost) return 719;
  if (w.milliseconds) std::this_thread::sleep_for(std::chrono::milliseconds(w.milliseconds));
  if (w.guess == kSpacious) memset(w.workspace, 0xff, kWorkspace);
  for (auto& [id, value] : w.numbers) w.at[id] = &value;
  compute(w.operations, w.at, w.guess == kRounding);
  for (const DnnOperation& o : w.operations) {
    const DnnTensor& t = o.result();
    if (t.is_virtual) continue;
    void* const to = w.at.at(t.id);
    const int64_t last = t.span() - 1;
    if (w.wrong) store(to, t.type, last, load(to, t.type, last) + 10);
    if (w.nan) store(to, t.type, last, std::numeric_limits<float>::quiet_NaN());
    if (w.outside) store(to, t.type, -1, 100);
  }
  return 0;
}

int finalize_operation(const Object& o) {
  const char* text = complaint(operation_of(o));
  return *text ? refuse(kBadParam, text) : kSuccess;
}

Handle& object(void* descriptor) { return *static_cast<Handle*>(descriptor); }

}  // namespace

EXPORT int easel_simt_cudnn_asked() { return graphs_asked; }
EXPORT int easel_simt_cudnn_executed() { return plans_executed; }

EXPORT size_t cudnnGetVersion() { return mode("old") ? 8907 : 92400; }
EXPORT const char* cudnnGetErrorString(int status) {
  switch (status) {
    case kNotInitialized:
      return "CUDNN_STATUS_NOT_INITIALIZED";
    case kBadParam:
      return "CUDNN_STATUS_BAD_PARAM";
    case kNotSupported:
      return "CUDNN_STATUS_NOT_SUPPORTED";
    case kFailed:
      return "CUDNN_STATUS_EXECUTION_FAILED";
    default:
      return "CUDNN_STATUS_SUCCESS";
  }
}
EXPORT void cudnnGetLastErrorString(char* message, size_t size) {
  strncpy(message, reason.c_str(), size);
  reason.clear();
}
EXPORT int cudnnCreate(Simulator** handle) {
  const Simulator found = simulator();
  if (mode("create") || !found.found()) return kNotInitialized;
  *handle = new Simulator(found);
  return kSuccess;
}
EXPORT int cudnnDestroy(Simulator* handle) {
  delete handle;
  return kSuccess;
}
EXPORT int cudnnSetStream(Simulator* handle, void* stream) { return handle && stream ? kSuccess : kBadParam; }

EXPORT int cudnnBackendCreateDescriptor(int kind, void** made) {
  if (!known().count(kind)) return refuse(kBadParam, "an unknown kind of object");
  *made = new Handle(std::make_shared<Object>(kind));
  return kSuccess;
}
EXPORT int cudnnBackendDestroyDescriptor(void* descriptor) {
  delete static_cast<Handle*>(descriptor);
  return kSuccess;
}

EXPORT int cudnnBackendSetAttribute(void* descriptor, int attribute, int type, int64_t count,
                                    const void* from) {
  Object& o = *object(descriptor);
  const auto& attributes = known().at(o.kind);
  const auto found = attributes.find(attribute);
  if (o.final || found == attributes.end() || found->second.type != type || count < 1 || !from)
    return refuse(kBadParam, "attribute " + std::to_string(attribute));
  Object::Value value{type, {}, {}};
  if (type == dnn::kDescriptor) {
    for (int64_t k = 0; k < count; ++k) {
      const Handle& other = object(static_cast<void* const*>(from)[k]);
      if (!other->final) return refuse(kBadParam, "an object that is not finalized");
      value.objects.push_back(other);
    }
  } else {
    const char* bytes = static_cast<const char*>(from);
    value.bytes.assign(bytes, bytes + size_t(count) * bytes_of_type(type));
  }
  o.set[attribute] = std::move(value);
  return kSuccess;
}

EXPORT int cudnnBackendFinalize(void* descriptor) {
  Object& o = *object(descriptor);
  for (const auto& [attribute, known] : known().at(o.kind))
    if (known.required && !o.has(attribute))
      return refuse(kBadParam, "attribute " + std::to_string(attribute) + " is not set");
  int status = kSuccess;
  if (o.kind == dnn::kTensor) {
    const auto dims = o.all<int64_t>(dnn::kTensorDims), strides = o.all<int64_t>(dnn::kTensorStrides);
    if (dims.size() != strides.size() ||
        std::any_of(dims.begin(), dims.end(), [](int64_t d) { return d < 1; }))
      status = refuse(kBadParam, "a tensor's shape");
  } else if (is_operation(o.kind)) {
    status = finalize_operation(o);
  } else if (o.kind == dnn::kOperationGraph) {
    if (!ordered(operations_of(o))) status = refuse(kBadParam, "a value is used before it is made");
  } else if (o.kind == dnn::kHeuristics) {
    ++graphs_asked;
    if (mode("none")) status = refuse(kNotSupported, "no engine");
  } else if (o.kind == dnn::kPlan) {
    o.guess = o.object(dnn::kPlanConfig).guess;
  }
  o.final = status == kSuccess;
  return status;
}

EXPORT int cudnnBackendGetAttribute(void* descriptor, int attribute, int type, int64_t most, int64_t* count,
                                    void* to) {
  const Object& o = *object(descriptor);
  *count = 0;
  if (o.kind == dnn::kHeuristics && attribute == dnn::kHeuristicsResults && type == dnn::kDescriptor &&
      o.final) {
    for (int k = 0; k < kGuesses && k < most; ++k, ++*count) {
      Object& config = *object(static_cast<void**>(to)[k]);
      if (config.kind != dnn::kEngineConfig) return refuse(kBadParam, "no engine configuration");
      config.final = true;
      config.guess = k;
      config.set[dnn::kHeuristicsGraph] = o.set.at(dnn::kHeuristicsGraph);
    }
    return kSuccess;
  }
  if (o.kind == dnn::kEngineConfig && attribute == dnn::kConfigEngine && o.final && most == 1) {
    Object& engine = *object(*static_cast<void**>(to));
    engine.final = true;
    engine.guess = o.guess;
    *count = 1;
    return kSuccess;
  }
  if (o.kind == dnn::kEngine && attribute == dnn::kEngineNotes && type == dnn::kNumericalNote && o.final) {
    if (o.guess > kRounding || most < 1) return kSuccess;
    *static_cast<int*>(to) = o.guess == kVarying ? dnn::kVaries : dnn::kTensorCores;
    *count = 1;
    return kSuccess;
  }
  if (o.kind == dnn::kPlan && attribute == dnn::kPlanWorkspace && type == dnn::kInt64 && o.final) {
    *static_cast<int64_t*>(to) = o.guess == kSpacious ? kWorkspace : 0;
    *count = 1;
    return kSuccess;
  }
  return refuse(kBadParam, "attribute " + std::to_string(attribute));
}

EXPORT int cudnnBackendExecute(Simulator* handle, void* plan_descriptor, void* pack_descriptor) {
  ++plans_executed;
  if (mode("error")) return kFailed;
  const Object &plan = *object(plan_descriptor), &pack = *object(pack_descriptor);
  if (!handle || plan.kind != dnn::kPlan || pack.kind != dnn::kVariantPack || !plan.final || !pack.final)
    return kBadParam;
  if (mode("capture") && handle->capturing()) return kFailed;
  auto work = std::make_unique<Work>();
  work->operations = operations_of(graph_of(plan));
  const auto ids = pack.all<int64_t>(dnn::kPackIds);
  const auto pointers = pack.all<void*>(dnn::kPackPointers);
  if (ids.size() != pointers.size()) return refuse(kBadParam, "ids and pointers differ in number");
  for (size_t k = 0; k < ids.size(); ++k) work->at[ids[k]] = pointers[k];
  for (const DnnOperation& o : work->operations) {
    std::vector<const DnnTensor*> all = o.operands();
    all.push_back(&o.result());
    for (const DnnTensor* t : all) {
      if (t->is_virtual) continue;
      if (!work->at.count(t->id)) return refuse(kBadParam, "a tensor has no memory");
      void* const at = work->at[t->id];
      if (t->is_number)
        work->numbers[t->id] = *static_cast<const float*>(at);
      else if (uintptr_t(at) % uint64_t(t->alignment) ||
               !handle->owns(at, size_t(t->span() * bytes_of(t->type))))
        return refuse(kBadParam, "a tensor's memory");
    }
  }
  work->guess = plan.guess;
  work->workspace = pack.one<void*>(dnn::kPackWorkspace);
  if (plan.guess == kSpacious &&
      (uintptr_t(work->workspace) % 256 || !handle->owns(work->workspace, size_t(kWorkspace))))
    return refuse(kBadParam, "the workspace");
  work->milliseconds = mode("slow") ? 100 : plan.guess == kLate ? 3 : 0;
  work->wrong = mode("wrong"), work->nan = mode("nan"), work->outside = mode("outside"),
  work->lost = mode("lost");
  return handle->submit(run, work.release(), [](void* p) { delete static_cast<Work*>(p); }) == 0 ? kSuccess
                                                                                                 : kFailed;
}
