// The functions of easel.h that are alike in every backend, over its own Device and Program: each backend
// compiles this file with its own device.h.
#include <cstdio>

#include "device.h"

using namespace easel;

uint32_t easel_abi(void) { return EASEL_ABI; }
uint64_t easel_record_sizes(void) {
  return uint64_t(sizeof(easel_tensor)) << 32 | uint64_t(sizeof(easel_instruction));
}

void easel_device_close(easel_device* device) { delete device; }

int64_t easel_device_info(easel_device* device, char* text, int64_t capacity) {
  int64_t needed = -1;
  guarded(&device->error, [&] {
    const std::string json = device->info();
    needed = int64_t(json.size()) + 1;
    if (text && capacity > 0) snprintf(text, size_t(capacity), "%s", json.c_str());
  });
  return needed;
}

const char* easel_error(easel_device* device) { return device ? device->error.get() : open_error(); }

int32_t easel_program_create(easel_device* device, const easel_tensor* tensors, int32_t tensor_count,
                             const easel_instruction* instructions, int32_t instruction_count,
                             easel_buffer* const* buffers, int32_t buffer_count, easel_program** out) {
  return guarded(&device->error, [&] {
    *out = nullptr;
    if (tensor_count < 0 || instruction_count < 0 || buffer_count < 0)
      throw Failure(EASEL_FAILED, "program: a table of negative length");
    device->call([&] {
      *out = new easel_program(*device, tensors, tensor_count, instructions, instruction_count, buffers,
                               buffer_count);
    });
  });
}

void easel_program_destroy(easel_device* device, easel_program* program) {
  guarded(&device->error, [&] { device->worker.call([&] { delete program; }); });
}

int32_t easel_program_run(easel_device* device, easel_program* program) {
  return guarded(&device->error, [&] { device->call([&] { program->run(); }); });
}

int32_t easel_program_profile(easel_device* device, easel_program* program, double* seconds) {
  return guarded(&device->error, [&] { device->call([&] { program->profile(seconds); }); });
}
