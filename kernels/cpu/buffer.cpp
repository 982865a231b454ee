// Device memory (plain memory here), and reading a range of a file straight into it.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "device.h"

namespace easel {
namespace {

constexpr uint64_t kMapFrom = 1 << 21;  // at least a huge page

struct File {
  explicit File(const char* path) : path(path), fd(open(path, O_RDONLY | O_CLOEXEC)) {
    if (fd < 0) throw Failure(EASEL_IO, std::string(path) + ": " + strerror(errno));
  }
  ~File() { close(fd); }
  void read(char* target, uint64_t bytes, uint64_t offset) const {
    while (bytes > 0) {
      const ssize_t got = pread(fd, target, bytes, off_t(offset));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) throw Failure(EASEL_IO, std::string(path) + ": " + strerror(errno));
      if (got == 0)
        throw Failure(EASEL_IO, std::string(path) + ": ends at byte " + std::to_string(offset) + ", " +
                                    std::to_string(bytes) + " more were expected");
      target += got;
      offset += uint64_t(got);
      bytes -= uint64_t(got);
    }
  }
  const char* path;
  int fd;
};

constexpr int32_t kFileF64 = 16, kFileI64 = 17;

int64_t file_bytes(int32_t dtype) { return dtype == kFileF64 || dtype == kFileI64 ? 8 : dtype_bytes(dtype); }

template <typename D, typename S>
void convert_run(D* target, const S* source, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    if constexpr (std::is_arithmetic_v<D> && std::is_arithmetic_v<S>)
      target[i] = D(source[i]);
    else if constexpr (std::is_arithmetic_v<S>)
      target[i] = from_float<D>(float(source[i]));
    else
      target[i] = from_float<D>(to_float(source[i]));
  }
}

template <typename D>
bool convert_to(D* t, const char* s, int64_t n, int32_t file_dtype) {
  switch (file_dtype) {
    case EASEL_F32:
      return convert_run(t, reinterpret_cast<const float*>(s), n), true;
    case EASEL_F16:
      return convert_run(t, reinterpret_cast<const f16*>(s), n), true;
    case EASEL_BF16:
      return convert_run(t, reinterpret_cast<const bf16*>(s), n), true;
    case EASEL_I32:
      return convert_run(t, reinterpret_cast<const int32_t*>(s), n), true;
    case kFileF64:
      return convert_run(t, reinterpret_cast<const double*>(s), n), true;
    case kFileI64:
      return convert_run(t, reinterpret_cast<const int64_t*>(s), n), true;
    default:
      return false;
  }
}

bool convert(char* t, const char* s, int64_t n, int32_t file_dtype, int32_t device_dtype) {
  switch (device_dtype) {
    case EASEL_F32:
      return convert_to(reinterpret_cast<float*>(t), s, n, file_dtype);
    case EASEL_F16:
      return convert_to(reinterpret_cast<f16*>(t), s, n, file_dtype);
    case EASEL_BF16:
      return convert_to(reinterpret_cast<bf16*>(t), s, n, file_dtype);
    case EASEL_I32:
      return convert_to(reinterpret_cast<int32_t*>(t), s, n, file_dtype);
    default:
      return false;
  }
}

void read_converted(easel_buffer* buffer, uint64_t offset, const char* path, uint64_t file_offset,
                    uint64_t count, int32_t file_dtype, int32_t device_dtype) {
  const uint64_t from = uint64_t(file_bytes(file_dtype)), to = uint64_t(dtype_bytes(device_dtype));
  if (!from || !to || (file_dtype != device_dtype && !convert(nullptr, nullptr, 0, file_dtype, device_dtype)))
    throw Failure(EASEL_UNSUPPORTED, std::string(path) + ": no conversion from file dtype " +
                                         std::to_string(file_dtype) + " to " + std::to_string(device_dtype));
  if (offset > buffer->bytes || count > (buffer->bytes - offset) / to)
    throw Failure(EASEL_FAILED, std::string(path) + ": " + std::to_string(count) +
                                    " elements do not fit into a buffer of " + std::to_string(buffer->bytes) +
                                    " bytes at " + std::to_string(offset));
  const File file(path);
  char* target = buffer->data + offset;
  if (file_dtype == device_dtype) return file.read(target, count * to, file_offset);
  constexpr int64_t kChunk = 1 << 20;  // elements: 4 to 8 MiB in the air, whatever the tensor's size
  const std::unique_ptr<char[]> chunk(new char[size_t(std::min<uint64_t>(count, kChunk) * from)]);
  for (uint64_t done = 0; done < count;) {
    const int64_t n = int64_t(std::min<uint64_t>(kChunk, count - done));
    file.read(chunk.get(), uint64_t(n) * from, file_offset + done * from);
    parallel_for(n, 1 << 15, [&](int64_t begin, int64_t end) {
      convert(target + (done + uint64_t(begin)) * to, chunk.get() + uint64_t(begin) * from, end - begin,
              file_dtype, device_dtype);
    });
    done += uint64_t(n);
  }
}

void check_range(const easel_buffer* buffer, uint64_t offset, uint64_t bytes, const char* what) {
  if (offset > buffer->bytes || bytes > buffer->bytes - offset)
    throw Failure(EASEL_FAILED, std::string(what) + ": bytes " + std::to_string(offset) + "+" +
                                    std::to_string(bytes) + " leave a buffer of " +
                                    std::to_string(buffer->bytes));
}

}  // namespace

char* allocate(uint64_t bytes) {
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
  bytes = std::max<uint64_t>(bytes, 64);
  if (bytes >= kMapFrom)
    munmap(data, bytes);
  else
    std::free(data);
}

}  // namespace easel

using namespace easel;

int32_t easel_buffer_alloc(easel_device* device, uint64_t bytes, easel_buffer** out) {
  return guarded(&device->error, [&] {
    *out = nullptr;
    *out = new easel_buffer{allocate(bytes), bytes, device->next_buffer_id++};
  });
}

void easel_buffer_free(easel_device*, easel_buffer* buffer) {
  if (!buffer) return;
  release(buffer->data, buffer->bytes);
  delete buffer;
}

int32_t easel_buffer_upload(easel_device* device, easel_buffer* buffer, uint64_t offset, const void* source,
                            uint64_t bytes) {
  return guarded(&device->error, [&] {
    check_range(buffer, offset, bytes, "upload");
    if (bytes) std::memcpy(buffer->data + offset, source, bytes);
  });
}

int32_t easel_buffer_download(easel_device* device, easel_buffer* buffer, uint64_t offset, void* target,
                              uint64_t bytes) {
  return guarded(&device->error, [&] {
    check_range(buffer, offset, bytes, "download");
    if (bytes) std::memcpy(target, buffer->data + offset, bytes);
  });
}

int32_t easel_buffer_read_file(easel_device* device, easel_buffer* buffer, uint64_t offset, const char* path,
                               uint64_t file_offset, uint64_t count, int32_t file_dtype,
                               int32_t device_dtype) {
  return guarded(&device->error, [&] {
    device->worker.call([&] { read_converted(buffer, offset, path, file_offset, count, file_dtype, device_dtype); });
  });
}
