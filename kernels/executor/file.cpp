// Reading files by range, converting elements, and the checks of both.
#include "file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <type_traits>

#include "../pointwise.h"
#include "failure.h"
#include "instruction.h"

namespace easel {

File::File(const char* path) : path(path), fd(open(path, O_RDONLY | O_CLOEXEC)) {
  if (fd < 0) throw Failure(EASEL_IO, std::string(path) + ": " + strerror(errno));
}

File::~File() { close(fd); }

void File::read(char* target, uint64_t bytes, uint64_t offset) const {
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

int64_t file_dtype_bytes(int32_t dtype) {
  return dtype == kFileF64 || dtype == kFileI64 ? 8 : dtype_bytes(dtype);
}

namespace {

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
    case EASEL_F8:
      return convert_run(t, reinterpret_cast<const f8*>(s), n), true;
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

}  // namespace

bool convert(char* t, const char* s, int64_t n, int32_t file_dtype, int32_t device_dtype) {
  switch (device_dtype) {
    case EASEL_F32:
      return convert_to(reinterpret_cast<float*>(t), s, n, file_dtype);
    case EASEL_F16:
      return convert_to(reinterpret_cast<f16*>(t), s, n, file_dtype);
    case EASEL_BF16:
      return convert_to(reinterpret_cast<bf16*>(t), s, n, file_dtype);
    case EASEL_F8:
      return convert_to(reinterpret_cast<f8*>(t), s, n, file_dtype);
    case EASEL_I32:
      return convert_to(reinterpret_cast<int32_t*>(t), s, n, file_dtype);
    default:
      return false;
  }
}

namespace {

// Bits of an element of which all are set in infinities and NaNs only.
template <typename U>
bool exponents_below(const char* source, int64_t n, U exponent) {
  const U* bits = reinterpret_cast<const U*>(source);
  int found = 0;
  for (int64_t i = 0; i < n; ++i) found |= (bits[i] & exponent) == exponent;
  return !found;
}

}  // namespace

bool all_finite(const char* source, int64_t n, int32_t file_dtype) {
  switch (file_dtype) {
    case EASEL_F32:
      return exponents_below<uint32_t>(source, n, 0x7f800000u);
    case EASEL_F16:
      return exponents_below<uint16_t>(source, n, 0x7c00u);
    case EASEL_BF16:
      return exponents_below<uint16_t>(source, n, 0x7f80u);
    case EASEL_F8:
      return exponents_below<uint8_t>(source, n, 0x7fu);
    case kFileF64:
      return exponents_below<uint64_t>(source, n, 0x7ff0000000000000u);
    default:
      return true;
  }
}

void throw_not_finite(const char* source, int64_t n, int32_t file_dtype, uint64_t before) {
  const int64_t bytes = file_dtype_bytes(file_dtype);
  for (int64_t i = 0; i < n; ++i) {
    const char* element = source + i * bytes;
    if (all_finite(element, 1, file_dtype)) continue;
    float value = 0;
    convert(reinterpret_cast<char*>(&value), element, 1, file_dtype, EASEL_F32);
    const char* text = value != value ? "NaN" : value > 0 ? "inf" : "-inf";
    throw Failure(EASEL_NOT_FINITE, std::string(text) + " at " + std::to_string(before + uint64_t(i)));
  }
  throw Failure(EASEL_FAILED, "every element is finite");
}

void check_file_read(const easel_buffer* buffer, uint64_t offset, const char* path, uint64_t count,
                     int32_t file_dtype, int32_t device_dtype) {
  const uint64_t from = uint64_t(file_dtype_bytes(file_dtype)), to = uint64_t(dtype_bytes(device_dtype));
  if (!from || !to || (file_dtype != device_dtype && !convert(nullptr, nullptr, 0, file_dtype, device_dtype)))
    throw Failure(EASEL_UNSUPPORTED, std::string(path) + ": no conversion from file dtype " +
                                         std::to_string(file_dtype) + " to " + std::to_string(device_dtype));
  if (offset > buffer->bytes || count > (buffer->bytes - offset) / to)
    throw Failure(EASEL_FAILED, std::string(path) + ": " + std::to_string(count) +
                                    " elements do not fit into a buffer of " + std::to_string(buffer->bytes) +
                                    " bytes at " + std::to_string(offset));
}

void check_range(const easel_buffer* buffer, uint64_t offset, uint64_t bytes, const char* what) {
  if (offset > buffer->bytes || bytes > buffer->bytes - offset)
    throw Failure(EASEL_FAILED, std::string(what) + ": bytes " + std::to_string(offset) + "+" +
                                    std::to_string(bytes) + " leave a buffer of " +
                                    std::to_string(buffer->bytes));
}

}  // namespace easel
