// Device memory, and everything that goes into it or comes out of it, by way of pinned staging.
#include <cstring>

#include "../executor/file.h"
#include "device.h"

namespace easel {
namespace {

std::string mebibytes(uint64_t bytes) { return std::to_string((bytes + (1 << 20) - 1) >> 20) + " MiB"; }

CUdeviceptr address(const void* p) { return reinterpret_cast<CUdeviceptr>(p); }

}  // namespace

Staging::~Staging() {
  for (Slot& slot : slots_) {
    if (slot.host) device_.driver.host_free(slot.host);
    if (slot.used) device_.driver.event_destroy(slot.used);
  }
}

Staging::Slot& Staging::next() {
  Slot& slot = slots_[at_++ % kSlots];
  if (!slot.host) {
    void* host = nullptr;
    device_.check(device_.driver.host_alloc(&host, kBytes), "pinned memory for transfers");
    slot.host = static_cast<char*>(host);
    device_.check(device_.driver.event_create(&slot.used, kEventNoTiming), "cuEventCreate");
  } else {
    device_.check(device_.driver.event_synchronize(slot.used), "a transfer");
  }
  return slot;
}

DeviceMemory::DeviceMemory(Device& device, size_t bytes)
    : device(device), data(device.allocate(bytes, "a program")), bytes(bytes) {}
DeviceMemory::~DeviceMemory() { device.release(data, bytes); }

char* Device::allocate(uint64_t bytes, const char* what) {
  CUdeviceptr data = 0;
  const CUresult status = driver.memory_alloc(&data, std::max<uint64_t>(bytes, 64));
  if (status == CUDA_ERROR_OUT_OF_MEMORY) {
    size_t available = 0, total = 0;
    driver.memory_info(&available, &total);
    throw Failure(EASEL_OUT_OF_MEMORY, "out of memory: " + std::string(what) + " wants " + mebibytes(bytes) +
                                           ", " + mebibytes(available) + " of " + mebibytes(total) +
                                           " are free on cuda:" + std::to_string(ordinal) + " " + name);
  }
  check(status, "cuMemAlloc");
  allocated += bytes;
  check(driver.set_bytes(data, 0, std::max<uint64_t>(bytes, 64), stream), "cuMemsetD8Async");
  return reinterpret_cast<char*>(data);
}

void Device::release(char* data, uint64_t bytes) {
  if (!data) return;
  allocated -= bytes;
  driver.stream_synchronize(stream);
  driver.memory_free(address(data));
}

uint64_t Device::room() {
  size_t available = 0, total = 0;
  check(driver.memory_info(&available, &total), "cuMemGetInfo");
  if (!limit) return available;
  return std::min<uint64_t>(available, limit - std::min(limit, allocated));
}

void Device::upload(char* to, const char* from, uint64_t bytes) {
  for (uint64_t done = 0; done < bytes;) {
    const uint64_t n = std::min<uint64_t>(bytes - done, Staging::kBytes);
    Staging::Slot& slot = staging->next();
    std::memcpy(slot.host, from + done, n);
    check(driver.copy_to_device(address(to + done), slot.host, n, stream), "an upload");
    check(driver.event_record(slot.used, stream), "cuEventRecord");
    done += n;
  }
}

void Device::download(char* to, const char* from, uint64_t bytes) {
  for (uint64_t done = 0; done < bytes;) {
    const uint64_t n = std::min<uint64_t>(bytes - done, Staging::kBytes);
    Staging::Slot& slot = staging->next();
    check(driver.copy_to_host(slot.host, address(from + done), n, stream), "a download");
    check(driver.event_record(slot.used, stream), "cuEventRecord");
    check(driver.event_synchronize(slot.used), "a download");
    std::memcpy(to + done, slot.host, n);
    done += n;
  }
}

namespace {

void read_file(Device& device, char* target, const char* path, uint64_t file_offset, uint64_t count,
               int32_t file_dtype, int32_t device_dtype) {
  const uint64_t from = uint64_t(file_dtype_bytes(file_dtype)), to = uint64_t(dtype_bytes(device_dtype));
  const File file(path);
  const uint64_t chunk = Staging::kBytes / std::max(from, to);
  std::vector<char> raw(file_dtype == device_dtype ? 0 : size_t(std::min(count, chunk) * from));
  for (uint64_t done = 0; done < count;) {
    const uint64_t n = std::min(chunk, count - done);
    Staging::Slot& slot = device.staging->next();
    char* const source = raw.empty() ? slot.host : raw.data();
    file.read(source, n * from, file_offset + done * from);
    if (!all_finite(source, int64_t(n), file_dtype)) throw_not_finite(source, int64_t(n), file_dtype, done);
    if (!raw.empty()) convert(slot.host, raw.data(), int64_t(n), file_dtype, device_dtype);
    device.check(device.driver.copy_to_device(address(target + done * to), slot.host, n * to, device.stream),
                 "an upload");
    device.check(device.driver.event_record(slot.used, device.stream), "cuEventRecord");
    done += n;
  }
}

}  // namespace
}  // namespace easel

using namespace easel;

int32_t easel_buffer_alloc(easel_device* device, uint64_t bytes, easel_buffer** out) {
  return guarded(&device->error, [&] {
    *out = nullptr;
    device->call([&] {
      *out = new easel_buffer{device->allocate(bytes, "a buffer"), bytes, device->next_buffer_id++};
    });
  });
}

void easel_buffer_free(easel_device* device, easel_buffer* buffer) {
  if (!buffer) return;
  device->worker.call([&] { device->release(buffer->data, buffer->bytes); });
  delete buffer;
}

int32_t easel_buffer_upload(easel_device* device, easel_buffer* buffer, uint64_t offset, const void* source,
                            uint64_t bytes) {
  return guarded(&device->error, [&] {
    check_range(buffer, offset, bytes, "upload");
    device->call([&] { device->upload(buffer->data + offset, static_cast<const char*>(source), bytes); });
  });
}

int32_t easel_buffer_download(easel_device* device, easel_buffer* buffer, uint64_t offset, void* target,
                              uint64_t bytes) {
  return guarded(&device->error, [&] {
    check_range(buffer, offset, bytes, "download");
    device->call([&] { device->download(static_cast<char*>(target), buffer->data + offset, bytes); });
  });
}

int32_t easel_buffer_read_file(easel_device* device, easel_buffer* buffer, uint64_t offset, const char* path,
                               uint64_t file_offset, uint64_t count, int32_t file_dtype,
                               int32_t device_dtype) {
  return guarded(&device->error, [&] {
    check_file_read(buffer, offset, path, count, file_dtype, device_dtype);
    device->call([&] {
      read_file(*device, buffer->data + offset, path, file_offset, count, file_dtype, device_dtype);
    });
  });
}
