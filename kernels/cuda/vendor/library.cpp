#include "library.h"

#include <dlfcn.h>
#include <unistd.h>

#include <cstdlib>
#include <sstream>

namespace easel {

bool VendorLibrary::find(const char* variable, bool alone, std::initializer_list<const char*> names) {
  const char* named = getenv(variable);
  if (named && *named) {
    path = named;
    library_ = dlopen(named, RTLD_NOW | RTLD_LOCAL);
    if (!library_) {
      const char* text = dlerror();
      why = std::string(variable) + ": " + (text ? text : named);
    }
    return library_;
  }
  for (const char* name : names) {
    if (alone || library_) break;
    library_ = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (library_) path = name;
  }
  for (const char* name : names) {
    if (library_) break;
    library_ = open_in_folders(name, &path);
  }
  return library_;
}

// In the folders that src/runtime/nvidia_folders.ts found, by the whole path.
void* VendorLibrary::open_in_folders(const char* name, std::string* found) {
  const char* folders = getenv("EASEL_NVIDIA_FOLDERS");
  std::istringstream list(folders ? folders : "");
  for (std::string folder; std::getline(list, folder, ':');) {
    const std::string path = folder + "/" + name;
    if (access(path.c_str(), R_OK) != 0) continue;
    if (void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL)) {
      if (found) *found = path;
      return library;
    }
  }
  return nullptr;
}

std::string VendorLibrary::version_text(size_t version) {
  return std::to_string(version / 10000) + "." + std::to_string(version / 100 % 100) + "." +
         std::to_string(version % 100);
}

void* VendorLibrary::lookup(const char* name) const { return dlsym(library_, name); }

void* VendorLibrary::symbol(const char* name) {
  void* found = lookup(name);
  if (!found && why.empty()) why = std::string("it has no ") + name;
  return found;
}

bool VendorLibrary::complete(const char* named) {
  if (!why.empty()) return false;
  Dl_info info;
  if (dladdr(dlsym(library_, named), &info) && info.dli_fname) {
    char* real = realpath(info.dli_fname, nullptr);  // links followed
    path = real ? real : info.dli_fname;
    free(real);
  }
  return true;
}

}  // namespace easel
