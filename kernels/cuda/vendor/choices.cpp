#include "choices.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <ctime>

namespace easel {
namespace {

constexpr size_t kMostBytes = 4 << 20;
constexpr char kEnd[] = "end ";

// The file's bytes, or "".
std::string contents(const std::string& path) {
  std::string text;
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return text;
  char piece[65536];
  for (ssize_t n; text.size() <= kMostBytes && (n = ::read(fd, piece, sizeof piece)) > 0;)
    text.append(piece, size_t(n));
  close(fd);
  return text.size() > kMostBytes ? "" : text;
}

bool write_whole(int fd, const std::string& text) {
  for (size_t done = 0; done < text.size();) {
    const ssize_t n = write(fd, text.data() + done, text.size() - done);
    if (n <= 0) return false;
    done += size_t(n);
  }
  return fsync(fd) == 0;
}

void make_folders(const std::string& path) {
  for (size_t at = 0; at != std::string::npos;) {
    at = path.find('/', at + 1);
    mkdir(path.substr(0, at).c_str(), 0777);
  }
}

// Waits until no other process or device holds the file's lock. Where it cannot be had, what two write at
// once may be lost, and is measured again.
class Lock {
 public:
  explicit Lock(const std::string& path)
      : fd_(open(path.c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666)) {
    held_ = fd_ >= 0 && flock(fd_, LOCK_EX) == 0;
  }
  ~Lock() {
    if (fd_ >= 0) close(fd_);
  }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;
  bool held() const { return held_; }

 private:
  int fd_;
  bool held_;
};

// NAME.RANDOM.tmp: a name that nobody can prepare a link or a file under.
std::string temporary_name(const std::string& name) {
  uint64_t random = 0;
  if (getrandom(&random, sizeof random, 0) != sizeof random)
    random = uint64_t(getpid()) << 32 ^ uint64_t(time(nullptr));
  return name + "." + hex(random) + ".tmp";
}

// What a process that was killed while it wrote left. The caller holds the lock, so nobody is writing.
void remove_unfinished(const std::string& folder, const std::string& name) {
  DIR* listing = opendir(folder.c_str());
  if (!listing) return;
  const size_t length = name.size() + 1 + 16 + 4;
  while (const dirent* entry = readdir(listing)) {
    const std::string other = entry->d_name;
    if (other.size() == length && other.compare(0, name.size() + 1, name + ".") == 0 &&
        other.compare(length - 4, 4, ".tmp") == 0 &&
        other.find_first_not_of("0123456789abcdef", name.size() + 1) == length - 4)
      unlinkat(dirfd(listing), other.c_str(), 0);
  }
  closedir(listing);
}

}  // namespace

uint64_t hash_of(const void* data, size_t bytes, uint64_t seed) {
  const auto* at = static_cast<const unsigned char*>(data);
  uint64_t h = seed ^ 14695981039346656037ull;
  for (; bytes >= 8; at += 8, bytes -= 8) {
    uint64_t word;
    memcpy(&word, at, 8);
    h = (h ^ word) * 1099511628211ull;
    h ^= h >> 29;
  }
  for (; bytes; ++at, --bytes) h = (h ^ *at) * 1099511628211ull;
  return h ^ h >> 32;
}

std::string hex(uint64_t value) {
  std::string text(16, '0');
  for (size_t k = 16; k-- > 0; value >>= 4) text[k] = "0123456789abcdef"[value & 15];
  return text;
}

Choices::Choices(std::string folder, const std::string& name, std::string title)
    : folder_(std::move(folder)), title_(std::move(title)) {
  if (!folder_.empty()) path_ = folder_ + "/" + name;
  read();
}

void Choices::read() {
  if (path_.empty()) return;
  const std::string text = contents(path_);
  const size_t end = text.rfind(kEnd);
  if (end == std::string::npos || text.compare(0, title_.size(), title_) != 0 || end < title_.size()) return;
  if (text.substr(end) != kEnd + hex(hash_of(text.data(), end)) + "\n") return;
  for (size_t at = title_.size(); at < end;) {
    const size_t line_end = text.find('\n', at), first = text.find('\t', at),
                 second = text.find('\t', first + 1);
    if (line_end == std::string::npos || first > line_end || second > line_end) return;
    entries_.emplace(text.substr(at, first - at), Entry{text.substr(first + 1, second - first - 1),
                                                        text.substr(second + 1, line_end - second - 1)});
    at = line_end + 1;
  }
}

const Choices::Entry* Choices::find(const std::string& key) const {
  const auto found = entries_.find(key);
  return found == entries_.end() ? nullptr : &found->second;
}

void Choices::put(const std::string& key, Entry entry) {
  for (char& c : entry.measured)
    if (c == '\n' || c == '\t') c = ' ';
  entries_[key] = std::move(entry);
  changed_ = true;
}

void Choices::save() {
  if (!changed_ || path_.empty()) return;
  changed_ = false;
  make_folders(folder_);
  const Lock lock(path_ + ".lock");  // from reading to replacing
  read();                            // adds what is not here yet
  std::string text = title_;
  for (const auto& [key, entry] : entries_) text += key + "\t" + entry.choice + "\t" + entry.measured + "\n";
  text += kEnd + hex(hash_of(text.data(), text.size())) + "\n";
  const std::string name = path_.substr(folder_.size() + 1);
  if (lock.held()) remove_unfinished(folder_, name);
  const std::string temporary = folder_ + "/" + temporary_name(name);
  const int fd = open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
  if (fd < 0) return;
  const bool whole = write_whole(fd, text);
  if (close(fd) != 0 || !whole || rename(temporary.c_str(), path_.c_str()) != 0) unlink(temporary.c_str());
}

}  // namespace easel
