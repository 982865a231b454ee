// Device memory (plain memory here), and reading a range of a file straight into it.
#include <sys/mman.h>

#include <atomic>
#include <cstdlib>
#include <cstring>

#include "../executor/file.h"
#include "device.h"

namespace easel {
namespace {

constexpr uint64_t kMapFrom = 1 << 21;  // at least a huge page
constexpr uint64_t kPage = 4096;

void read_converted(easel_buffer* buffer, uint64_t offset, const char* path, uint64_t file_offset,
                    uint64_t count, int32_t file_dtype, int32_t device_dtype) {
  check_file_read(buffer, offset, path, count, file_dtype, device_dtype);
  const uint64_t from = uint64_t(file_dtype_bytes(file_dtype)), to = uint64_t(dtype_bytes(device_dtype));
  const File file(path);
  char* target = buffer->data + offset;
  const bool same = file_dtype == device_dtype;
  constexpr int64_t kChunk = 1 << 20;  // elements: 4 to 8 MiB in the air, whatever the tensor's size
  const std::unique_ptr<char[]> room(same ? nullptr
                                          : new char[size_t(std::min<uint64_t>(count, kChunk) * from)]);
  for (uint64_t done = 0; done < count;) {
    const int64_t n = int64_t(std::min<uint64_t>(kChunk, count - done));
    char *const to_chunk = target + done * to, *const chunk = same ? to_chunk : room.get();
    file.read(chunk, uint64_t(n) * from, file_offset + done * from);
    std::atomic<bool> finite = true;
    parallel_for(n, 1 << 15, [&](int64_t begin, int64_t end) {
      const char* part = chunk + uint64_t(begin) * from;
      if (!all_finite(part, end - begin, file_dtype)) finite = false;
      if (!same) convert(to_chunk + uint64_t(begin) * to, part, end - begin, file_dtype, device_dtype);
    });
    if (!finite) throw_not_finite(chunk, n, file_dtype, done);
    done += uint64_t(n);
  }
}

// For tests: whatever reads or writes past a buffer's end fails, whose page may not be touched. Where buffers
// begin is of no account then.
bool guards() {
  static const bool wanted = getenv("EASEL_CPU_GUARD") != nullptr;
  return wanted;
}

// The pages of a guarded buffer, and one more.
uint64_t guarded_bytes(uint64_t bytes) { return (bytes + kPage - 1) / kPage * kPage + kPage; }

char* allocate_guarded(uint64_t bytes) {
  const uint64_t all = guarded_bytes(bytes);
  void* pages = mmap(nullptr, all, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) throw Failure(EASEL_OUT_OF_MEMORY, "out of memory");
  char* const end = static_cast<char*>(pages) + all - kPage;
  if (mprotect(end, kPage, PROT_NONE)) throw Failure(EASEL_FAILED, "a page cannot be protected");
  return end - bytes;
}

}  // namespace

char* allocate(uint64_t bytes) {
  if (guards()) return allocate_guarded(bytes);
  bytes = std::max<uint64_t>(bytes, 64);
  const auto refuse = [&] {
    throw Failure(EASEL_OUT_OF_MEMORY, "out of memory: " + std::to_string(bytes) + " bytes were wanted");
  };
  if (bytes > (uint64_t(1) << 62)) refuse();
  if (bytes >= kMapFrom) {
    void* data = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (data == MAP_FAILED) refuse();
    madvise(data, bytes, MADV_HUGEPAGE);
    return static_cast<char*>(data);
  }
  bytes = (bytes + 63) / 64 * 64;
  void* data = std::aligned_alloc(64, bytes);
  if (!data) refuse();
  return static_cast<char*>(std::memset(data, 0, bytes));
}

void release(char* data, uint64_t bytes) {
  if (!data) return;
  if (guards()) {
    const uint64_t all = guarded_bytes(bytes);
    munmap(data + bytes + kPage - all, all);
    return;
  }
  bytes = std::max<uint64_t>(bytes, 64);
  if (bytes >= kMapFrom)
    munmap(data, bytes);
  else
    std::free(data);
}

}  // namespace easel

using namespace easel;

// What is not overwritten must be there.
static void about_to_write(easel_device* device, easel_buffer* buffer) {
  if (device->plain.is_away(buffer->id)) device->worker.call([&] { device->plain.need(buffer->id); });
  device->plain.forget(buffer->id);
}

int32_t easel_buffer_alloc(easel_device* device, uint64_t bytes, easel_buffer** out) {
  return guarded(&device->error, [&] {
    *out = nullptr;
    *out = new easel_buffer{allocate(bytes), bytes, device->next_buffer_id++};
  });
}

void easel_buffer_free(easel_device* device, easel_buffer* buffer) {
  if (!buffer) return;
  device->plain.forget(buffer->id);
  release(buffer->data, buffer->bytes);
  delete buffer;
}

int32_t easel_buffer_upload(easel_device* device, easel_buffer* buffer, uint64_t offset, const void* source,
                            uint64_t bytes) {
  return guarded(&device->error, [&] {
    check_range(buffer, offset, bytes, "upload");
    about_to_write(device, buffer);
    if (bytes) std::memcpy(buffer->data + offset, source, bytes);
  });
}

int32_t easel_buffer_download(easel_device* device, easel_buffer* buffer, uint64_t offset, void* target,
                              uint64_t bytes) {
  return guarded(&device->error, [&] {
    check_range(buffer, offset, bytes, "download");
    const bool away = device->plain.is_away(buffer->id);
    if (away) device->worker.call([&] { device->plain.need(buffer->id); });
    if (bytes) std::memcpy(target, buffer->data + offset, bytes);
    if (away) device->plain.give_back();
  });
}

int32_t easel_buffer_read_file(easel_device* device, easel_buffer* buffer, uint64_t offset, const char* path,
                               uint64_t file_offset, uint64_t count, int32_t file_dtype,
                               int32_t device_dtype) {
  return guarded(&device->error, [&] {
    about_to_write(device, buffer);
    device->worker.call(
        [&] { read_converted(buffer, offset, path, file_offset, count, file_dtype, device_dtype); });
  });
}
