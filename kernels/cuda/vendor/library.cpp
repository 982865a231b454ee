#include "library.h"

#include <dlfcn.h>

#include <cstdlib>

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
  return library_;
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
