#include "cache.h"

#include <sys/file.h>
#include <sys/statvfs.h>

#include <cctype>
#include <cstdlib>
#include <ctime>

#include "mark.h"
#include "tree.h"
#include "verify.h"

namespace easel {
namespace {

constexpr time_t kKeepUnused =
    14 * 24 * 3600;  // seconds that another version's folder outlives its last start
constexpr char kUnfinished[] = ".unpacking-";

bool is_hex(const std::string& text) {
  return text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

struct Root {
  std::string path;
  bool shared;  // lies in a folder that everybody can write to, so it must be ours alone
};

// In this order: EASEL_CACHE, XDG_CACHE_HOME, ~/.cache; a private temporary folder where those cannot be
// used.
std::vector<Root> roots() {
  const auto variable = [](const char* name) {
    const char* value = getenv(name);
    return std::string(value ? value : "");
  };
  std::vector<Root> found;
  const std::string chosen = variable("EASEL_CACHE"), xdg = variable("XDG_CACHE_HOME"),
                    home = variable("HOME");
  if (!chosen.empty()) {
    char* here = chosen[0] == '/' ? nullptr : getcwd(nullptr, 0);
    found.push_back({here ? std::string(here) + "/" + chosen : chosen, false});
    free(here);
  } else if (xdg[0] == '/') {  // the specification has relative paths ignored
    found.push_back({xdg + "/easel", false});
  } else if (home[0] == '/') {
    found.push_back({home + "/.cache/easel", false});
  }
  const std::string temporary = variable("TMPDIR"), name = "/easel-" + std::to_string(geteuid());
  if (temporary[0] == '/' && temporary != "/tmp") found.push_back({temporary + name, true});
  found.push_back({"/tmp" + name, true});
  return found;
}

void make_folders(const std::string& path, mode_t mode) {
  for (size_t at = 1; at != std::string::npos;) {
    at = path.find('/', at + 1);
    const std::string part = path.substr(0, at);
    if (mkdir(part.c_str(), at == std::string::npos ? mode : 0777) != 0 && errno != EEXIST &&
        errno != EISDIR) {
      struct stat status;
      const int reason = errno;  // a read-only parent that exists is no reason yet
      if (stat(part.c_str(), &status) == 0 && S_ISDIR(status.st_mode)) continue;
      errno = reason;
      throw system_failure(path);
    }
  }
}

// Throws when another user could change what lies in a shared place, or when nothing there may be executed.
void check_root(const Root& root) {
  struct stat status;
  if (lstat(root.path.c_str(), &status) != 0) throw system_failure(root.path);
  if (root.shared && (!S_ISDIR(status.st_mode) || status.st_uid != geteuid() || (status.st_mode & 077) != 0))
    throw Failure(root.path + ": belongs to somebody else or is open to others");
  struct statvfs volume;
  if (statvfs(root.path.c_str(), &volume) == 0 && (volume.f_flag & ST_NOEXEC) != 0)
    throw Failure(root.path + ": programs may not run from there (noexec)");
}

// No fsync: waiting for the disk would take longer than all the rest, and files that a power cut left short
// are noticed by their hashes at the next start like any others.
void write_file(const Payload& payload, const Entry& entry, int folder, const std::string& name) {
  const int fd =
      openat(folder, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, entry.mode);
  if (fd < 0) throw system_failure(entry.path);
  try {
    payload.unpack(entry, fd, entry.path);
  } catch (...) {
    close(fd);
    throw;
  }
  if (close(fd) != 0) throw system_failure(entry.path);  // where network file systems tell of a full disk
}

// All files into a new folder, which gets its name once it is whole.
void unpack_all(const Payload& payload, const Root& root, int root_fd) {
  const std::string name = kUnfinished + random_name();
  if (mkdirat(root_fd, name.c_str(), 0777) != 0) throw system_failure(root.path);
  const File folder(openat(root_fd, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!folder) throw system_failure(root.path + "/" + name);
  flock(folder.fd(), LOCK_EX | LOCK_NB);  // whoever cleans up sees that it is being made
  try {
    write_mark(folder.fd(), payload);
    for (const Entry& entry : payload.entries()) {
      const File parent = parent_below(folder.fd(), entry.path, true);
      write_file(payload, entry, parent.fd(), last_part(entry.path));
    }
    if (renameat(root_fd, name.c_str(), root_fd, payload.folder().c_str()) != 0)
      throw system_failure(root.path);
  } catch (const Failure& failure) {
    remove_ours(root_fd, name, folder.fd());
    throw Failure(root.path + "/" + failure.what());
  } catch (...) {
    remove_ours(root_fd, name, folder.fd());
    throw;
  }
}

// What a start that was killed while it repaired `name` left: NAME.RANDOM.new.
void remove_unfinished(int folder, const std::string& name) {
  for (const std::string& other : names_in(folder))
    if (other.size() == name.size() + 21 && other.compare(0, name.size() + 1, name + ".") == 0 &&
        other.compare(other.size() - 4, 4, ".new") == 0 && is_hex(other.substr(name.size() + 1, 16)))
      unlinkat(folder, other.c_str(), 0);
}

// Files that are not what they should be, one by one; processes that run from the old ones keep them. What is
// no file steps aside.
void repair(const Payload& payload, int folder, const std::vector<const Entry*>& damaged) {
  for (const Entry* entry : damaged) {
    const File parent = parent_below(folder, entry->path, true);
    const std::string name = last_part(entry->path), temporary = name + "." + random_name() + ".new";
    remove_unfinished(parent.fd(), name);
    try {
      write_file(payload, *entry, parent.fd(), temporary);
      const auto replace = [&] {
        return renameat(parent.fd(), temporary.c_str(), parent.fd(), name.c_str()) == 0;
      };
      if (!replace() && !(step_aside(parent.fd(), name) && replace())) throw system_failure(entry->path);
    } catch (...) {
      unlinkat(parent.fd(), temporary.c_str(), 0);
      throw;
    }
  }
}

bool is_unfinished(const std::string& name) {
  const size_t begin = sizeof kUnfinished - 1;
  if (name.compare(0, begin, kUnfinished) != 0) return false;
  const std::string rest = name.substr(begin);
  // Before names were random they had the number of the process.
  return (rest.size() == 16 && is_hex(rest)) ||
         (!rest.empty() && rest.size() < 11 && rest.find_first_not_of("0123456789") == std::string::npos);
}

// VERSION-HASH, as Payload::folder().
bool is_version(const std::string& name) {
  return name.size() > 17 && isdigit(static_cast<unsigned char>(name[0])) && name[name.size() - 17] == '-' &&
         is_hex(name.substr(name.size() - 16));
}

// Removes what was being unpacked when its process died, and versions that have not been started for a while.
// The folder may be one that other things lie in, too: only what has our names is looked at, and of that only
// what we made is removed. The caller holds the root's lock, so nobody is unpacking.
void clean_up(const Payload& payload, int root_fd) {
  for (const std::string& name : names_in(root_fd)) {
    const bool unfinished = is_unfinished(name);
    if (!unfinished && (!is_version(name) || name == payload.folder())) continue;
    const File other(openat(root_fd, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    struct stat status;
    if (!other || fstat(other.fd(), &status) != 0 || status.st_uid != geteuid()) continue;
    if (!unfinished && time(nullptr) - status.st_mtime < kKeepUnused) continue;
    // Every process that unpacks into a folder or runs from it holds a lock on it.
    if (flock(other.fd(), LOCK_EX | LOCK_NB) == 0) remove_ours(root_fd, name, other.fd());
  }
}

// Opens the folder and marks it as used. No O_CLOEXEC: the lock stays with the program that follows.
File use(const std::string& folder) {
  File used(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  if (used) {
    flock(used.fd(), LOCK_SH);
    futimens(used.fd(), nullptr);
  }
  return used;
}

Unpacked unpacked_in(const Payload& payload, const Root& root) {
  const std::string folder = root.path + "/" + payload.folder();
  struct stat status;
  if (lstat(root.path.c_str(), &status) == 0) {
    check_root(root);
    File used = use(folder);
    if (used && damaged_entries(payload, used.fd()).empty()) return {folder, std::move(used)};
  }
  make_folders(root.path, root.shared ? 0700 : 0777);
  check_root(root);
  File root_fd(open(root.path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root_fd) throw system_failure(root.path);
  flock(root_fd.fd(), LOCK_EX);  // where the file system has no locks, the rename still lets only one win
  File used = use(folder);
  if (used) {
    const auto damaged = damaged_entries(payload, used.fd());
    // One file of ours that is whole proves as much as the mark.
    if (damaged.size() < payload.entries().size() || is_marked(used.fd())) {
      try {
        repair(payload, used.fd(), damaged);
      } catch (const Failure& failure) {
        throw Failure(folder + "/" + failure.what());
      }
    } else {
      used = File();
    }
  }
  if (!used) {
    clean_up(payload, root_fd.fd());
    step_aside(root_fd.fd(), payload.folder());  // where something else has that name
    unpack_all(payload, root, root_fd.fd());
    used = use(folder);
  }
  if (!used) throw system_failure(folder);
  return {folder, std::move(used)};
}

}  // namespace

Unpacked unpacked(const Payload& payload) {
  std::string reasons;
  for (const Root& root : roots()) {
    try {
      return unpacked_in(payload, root);
    } catch (const Failure& failure) {
      if (!reasons.empty()) reasons += "; ";
      reasons += failure.what();
    }
  }
  throw Failure("cannot unpack itself (" + reasons + "); set EASEL_CACHE to a folder with " +
                std::to_string(payload.bytes() / 1000000 + 1) + " MB free");
}

}  // namespace easel
