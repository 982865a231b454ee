#include "tree.h"

#include <dirent.h>
#include <sys/random.h>

#include <algorithm>
#include <set>

namespace easel {
namespace {

constexpr int kFolder = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

// Opens folder `name`, made where it is missing; what stands in its place steps aside.
File made_folder(int parent, const std::string& name) {
  if (mkdirat(parent, name.c_str(), 0777) != 0 && errno != EEXIST) throw system_failure(name);
  File made(openat(parent, name.c_str(), kFolder));
  if (!made && step_aside(parent, name) && mkdirat(parent, name.c_str(), 0777) == 0)
    made = File(openat(parent, name.c_str(), kFolder));
  if (!made) throw system_failure(name);
  return made;
}

}  // namespace

std::string random_name() {
  unsigned char bytes[8];
  if (getrandom(bytes, sizeof bytes, 0) != ssize_t(sizeof bytes)) throw system_failure("getrandom");
  std::string text;
  for (const unsigned char byte : bytes) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

File parent_below(int folder, const std::string& path, bool make) {
  File at(openat(folder, ".", kFolder));
  for (size_t begin = 0, slash; at && (slash = path.find('/', begin)) != std::string::npos;
       begin = slash + 1) {
    const std::string part = path.substr(begin, slash - begin);
    at = make ? made_folder(at.fd(), part) : File(openat(at.fd(), part.c_str(), kFolder));
  }
  if (make && !at) throw system_failure(path);
  return at;
}

std::string last_part(const std::string& path) { return path.substr(path.rfind('/') + 1); }

bool step_aside(int folder, const std::string& name) {
  return renameat(folder, name.c_str(), folder, (name + ".aside-" + random_name()).c_str()) == 0;
}

void remove_files(int folder, const std::vector<std::string>& paths) {
  std::set<std::string> folders;
  for (const std::string& path : paths) {
    const File parent = parent_below(folder, path, false);
    if (parent) unlinkat(parent.fd(), last_part(path).c_str(), 0);
    for (size_t slash = path.rfind('/'); slash != std::string::npos; slash = path.rfind('/', slash - 1))
      if (slash == 0 || !folders.insert(path.substr(0, slash)).second) break;
  }
  // What lies deeper sorts behind what it lies in.
  for (auto it = folders.rbegin(); it != folders.rend(); ++it) {
    const File parent = parent_below(folder, *it, false);
    if (parent) unlinkat(parent.fd(), last_part(*it).c_str(), AT_REMOVEDIR);
  }
}

std::vector<std::string> names_in(int folder) {
  std::vector<std::string> names;
  const int copy = openat(folder, ".", kFolder);
  DIR* listing = copy < 0 ? nullptr : fdopendir(copy);
  if (!listing) {
    if (copy >= 0) close(copy);
    return names;
  }
  while (const dirent* entry = readdir(listing)) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  closedir(listing);
  return names;
}

void remove_tree(int parent, const std::string& name) {
  if (unlinkat(parent, name.c_str(), 0) == 0) return;
  {
    const File folder(openat(parent, name.c_str(), kFolder));
    if (!folder) return;
    for (const std::string& child : names_in(folder.fd())) remove_tree(folder.fd(), child);
  }
  unlinkat(parent, name.c_str(), AT_REMOVEDIR);
}

}  // namespace easel
