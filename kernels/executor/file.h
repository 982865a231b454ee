// Ranges of files on their way into device memory, and the conversions on the way.
#pragma once
#include <cstdint>

#include "buffer.h"

namespace easel {

constexpr int32_t kFileF64 = 16, kFileI64 = 17;  // beside easel_dtype

struct File {
  explicit File(const char* path);  // throws Failure(EASEL_IO)
  ~File();
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  void read(char* target, uint64_t bytes, uint64_t offset) const;
  const char* path;
  int fd;
};

int64_t file_dtype_bytes(int32_t dtype);  // 0 for an unknown dtype

// n elements, converted; false when there is no such conversion (n = 0 asks).
bool convert(char* target, const char* source, int64_t n, int32_t file_dtype, int32_t device_dtype);

// Whether n elements are all finite; true for integers. One pass, as fast as memory.
bool all_finite(const char* source, int64_t n, int32_t file_dtype);
// Throws Failure(EASEL_NOT_FINITE) naming the first of n elements that is not; `before` elements came before
// them.
[[noreturn]] void throw_not_finite(const char* source, int64_t n, int32_t file_dtype, uint64_t before);

// Throws Failure unless easel_buffer_read_file's arguments make sense.
void check_file_read(const easel_buffer* buffer, uint64_t offset, const char* path, uint64_t count,
                     int32_t file_dtype, int32_t device_dtype);
// Throws Failure unless the bytes lie in the buffer.
void check_range(const easel_buffer* buffer, uint64_t offset, uint64_t bytes, const char* what);

}  // namespace easel
