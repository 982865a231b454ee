#include "cache.h"

#include <dirent.h>
#include <sys/file.h>
#include <sys/statvfs.h>

#include <cstdlib>
#include <ctime>

#include "verify.h"

namespace easel {
namespace {

constexpr time_t kKeepUnused =
    14 * 24 * 3600;  // seconds that another version's folder outlives its last start
constexpr char kUnfinished[] = ".unpacking-";

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

void remove_tree(int parent, const char* name) {
  if (unlinkat(parent, name, 0) == 0) return;
  const int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return;
  DIR* folder = fdopendir(fd);
  if (!folder) {
    close(fd);
    return;
  }
  while (const dirent* entry = readdir(folder)) {
    const std::string child = entry->d_name;
    if (child != "." && child != "..") remove_tree(dirfd(folder), child.c_str());
  }
  closedir(folder);
  unlinkat(parent, name, AT_REMOVEDIR);
}

// No fsync: waiting for the disk would take longer than all the rest, and files that a power cut left short
// are noticed by their hashes at the next start like any others.
void write_file(const Payload& payload, const Entry& entry, const std::string& path) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, entry.mode);
  if (fd < 0) throw system_failure(path);
  try {
    payload.unpack(entry, fd, path);
  } catch (...) {
    close(fd);
    throw;
  }
  if (close(fd) != 0) throw system_failure(path);  // where network file systems tell of a full disk
}

std::string parent_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

// All files into a new folder, which gets its name once it is whole.
void unpack_all(const Payload& payload, const Root& root, int root_fd) {
  const std::string name = kUnfinished + std::to_string(getpid()), folder = root.path + "/" + name;
  remove_tree(root_fd, name.c_str());
  try {
    for (const Entry& entry : payload.entries()) {
      const std::string path = folder + "/" + entry.path;
      make_folders(parent_of(path), 0777);
      write_file(payload, entry, path);
    }
    if (renameat(root_fd, name.c_str(), root_fd, payload.folder().c_str()) != 0)
      throw system_failure(root.path);
  } catch (...) {
    remove_tree(root_fd, name.c_str());
    throw;
  }
}

// Files that are not what they should be, one by one; processes that run from the old ones keep them.
void repair(const Payload& payload, const std::string& folder, const std::vector<const Entry*>& damaged) {
  for (const Entry* entry : damaged) {
    const std::string path = folder + "/" + entry->path, temporary = path + ".new";
    make_folders(parent_of(path), 0777);
    remove_tree(AT_FDCWD, temporary.c_str());
    try {
      write_file(payload, *entry, temporary);
      if (rename(temporary.c_str(), path.c_str()) != 0) {
        remove_tree(AT_FDCWD, path.c_str());  // a folder in its place
        if (rename(temporary.c_str(), path.c_str()) != 0) throw system_failure(path);
      }
    } catch (...) {
      remove_tree(AT_FDCWD, temporary.c_str());
      throw;
    }
  }
}

// Removes what was being unpacked when its process died, and versions that have not been started for a while.
// The caller holds the root's lock, so nobody is unpacking.
void clean_up(const Payload& payload, int root_fd) {
  const int copy = openat(root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* folder = copy < 0 ? nullptr : fdopendir(copy);
  if (!folder) return;
  std::vector<std::string> names;
  while (const dirent* entry = readdir(folder)) names.emplace_back(entry->d_name);
  closedir(folder);
  for (const std::string& name : names) {
    if (name.rfind(kUnfinished, 0) == 0) {
      remove_tree(root_fd, name.c_str());
    } else if (name[0] != '.' && name != payload.folder()) {
      File other(openat(root_fd, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      struct stat status;
      if (!other || fstat(other.fd(), &status) != 0 || time(nullptr) - status.st_mtime < kKeepUnused)
        continue;
      // Every process that runs from a folder holds a shared lock on it.
      if (flock(other.fd(), LOCK_EX | LOCK_NB) == 0) remove_tree(root_fd, name.c_str());
    }
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
  if (!used) {
    clean_up(payload, root_fd.fd());
    remove_tree(root_fd.fd(), payload.folder().c_str());  // where it is no folder
    unpack_all(payload, root, root_fd.fd());
    used = use(folder);
  } else if (const auto damaged = damaged_entries(payload, used.fd()); !damaged.empty()) {
    repair(payload, folder, damaged);
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
