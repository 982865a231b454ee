#include "payload.h"

#include <sys/auxv.h>
#include <zstd.h>

#include <algorithm>
#include <climits>
#include <memory>
#include <sstream>

namespace easel {
namespace {

constexpr char kMagic[] = "easel payload 1\n";  // 16 bytes without the terminating zero
constexpr uint64_t kFooterBytes = 48;
constexpr int kWindowLog = 27;  // the packer's

bool parse_hash(const std::string& text, Hash& hash) {
  if (text.size() != 2 * hash.size()) return false;
  for (size_t i = 0; i < hash.size(); ++i) {
    unsigned byte;
    if (sscanf(text.c_str() + 2 * i, "%2x", &byte) != 1) return false;
    hash[i] = uint8_t(byte);
  }
  return true;
}

uint64_t little_endian(const uint8_t* bytes) {
  uint64_t value = 0;
  for (int i = 7; i >= 0; --i) value = value << 8 | bytes[i];
  return value;
}

bool read_all(int fd, void* target, uint64_t bytes, uint64_t offset) {
  for (auto* at = static_cast<char*>(target); bytes > 0;) {
    const ssize_t got = pread(fd, at, bytes, off_t(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    at += got;
    offset += uint64_t(got);
    bytes -= uint64_t(got);
  }
  return true;
}

void write_all(int fd, const void* data, uint64_t bytes, const std::string& path) {
  for (auto* at = static_cast<const char*>(data); bytes > 0;) {
    const ssize_t wrote = write(fd, at, bytes);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) throw system_failure(path);
    at += wrote;
    bytes -= uint64_t(wrote);
  }
}

}  // namespace

Payload::Payload() {
  // /proc may be missing in a bare root; then the path that the kernel was given does.
  file_ = File(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  char link[PATH_MAX];
  const ssize_t length = readlink("/proc/self/exe", link, sizeof link);
  executable_ = length > 0 ? std::string(link, size_t(length))
                           : std::string(reinterpret_cast<const char*>(getauxval(AT_EXECFN)));
  if (!file_) file_ = File(open(executable_.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file_) throw system_failure(executable_);

  const off_t size = lseek(file_.fd(), 0, SEEK_END);
  uint8_t footer[kFooterBytes];
  if (size < off_t(kFooterBytes) ||
      !read_all(file_.fd(), footer, kFooterBytes, uint64_t(size) - kFooterBytes) ||
      memcmp(footer + 32, kMagic, 16) != 0)
    damaged("it ends too early");
  const uint64_t offset = little_endian(footer), bytes = little_endian(footer + 8);
  if (bytes > uint64_t(size) - kFooterBytes || offset != uint64_t(size) - kFooterBytes - bytes)
    damaged("its footer is wrong");
  std::string index(bytes, '\0');
  if (!read_all(file_.fd(), index.data(), bytes, offset)) damaged("its index cannot be read");
  const Hash hash = hash_bytes(index.data(), bytes);
  if (memcmp(hash.data(), footer + 16, hash.size()) != 0) damaged("its index has another checksum");
  parse(index);
  folder_ = version_ + "-" + hex(hash).substr(0, 16);
}

void Payload::parse(const std::string& index) {
  std::istringstream lines(index);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string key, hash;
    words >> key;
    if (key == "version") {
      words >> version_;
    } else if (key == "glibc") {
      words >> glibc_;
    } else if (key == "file") {
      Entry entry;
      words >> std::oct >> entry.mode >> std::dec >> entry.size >> hash >> entry.offset >> entry.packed >>
          std::ws;
      std::getline(words, entry.path);
      if (!words || !parse_hash(hash, entry.hash)) damaged("its index is wrong");
      entries_.push_back(std::move(entry));
    } else {
      damaged("its index is of another kind");
    }
  }
}

uint64_t Payload::bytes() const {
  uint64_t sum = 0;
  for (const Entry& entry : entries_) sum += entry.size;
  return sum;
}

void Payload::unpack(const Entry& entry, int fd, const std::string& path) const {
  std::unique_ptr<ZSTD_DCtx, size_t (*)(ZSTD_DCtx*)> stream(ZSTD_createDCtx(), ZSTD_freeDCtx);
  Hasher hasher;
  ZSTD_DCtx_setParameter(stream.get(), ZSTD_d_windowLogMax, kWindowLog);
  std::vector<char> packed(ZSTD_DStreamInSize()), plain(1 << 20);
  uint64_t read = 0, wrote = 0;
  while (read < entry.packed) {
    const uint64_t part = std::min<uint64_t>(packed.size(), entry.packed - read);
    if (!read_all(file_.fd(), packed.data(), part, entry.offset + read)) damaged(entry.path + " is cut off");
    read += part;
    ZSTD_inBuffer in{packed.data(), size_t(part), 0};
    while (true) {
      ZSTD_outBuffer out{plain.data(), plain.size(), 0};
      if (ZSTD_isError(ZSTD_decompressStream(stream.get(), &out, &in)))
        damaged(entry.path + " does not unpack");
      hasher.add(plain.data(), out.pos);
      write_all(fd, plain.data(), out.pos, path);
      wrote += out.pos;
      if (wrote > entry.size) damaged(entry.path + " is too long");
      if (in.pos == in.size && out.pos < out.size) break;
    }
  }
  if (wrote != entry.size || hasher.hash() != entry.hash) damaged(entry.path + " has another checksum");
}

void Payload::damaged(const std::string& what) const {
  throw Damaged(executable_ + ": the file is damaged (" + what + "); download it again");
}

}  // namespace easel
