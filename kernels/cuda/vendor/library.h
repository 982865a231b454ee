// A library of NVIDIA's, found by dlopen where it is installed.
#pragma once
#include <cstddef>
#include <initializer_list>
#include <string>

namespace easel {

struct VendorLibrary {
  // variable: the environment variable that names a path in place of `names`, which are looked for where the
  // loader looks, then in the folders of EASEL_NVIDIA_FOLDERS; alone: in those folders only. False where
  // there is no library, or `why` says what is wrong with it.
  bool find(const char* variable, bool alone, std::initializer_list<const char*> names);
  // The function called `name`, or null: then `why` says that it is missing.
  template <typename F>
  F function(const char* name) {
    return reinterpret_cast<F>(symbol(name));
  }
  // The same of one that may be absent.
  template <typename F>
  F optional(const char* name) const {
    return reinterpret_cast<F>(lookup(name));
  }
  // Whether all that function() was asked for is there; where so, sets `path` to the file that holds `named`.
  bool complete(const char* named);

  // 130101 -> "13.1.1", as both libraries number theirs.
  static std::string version_text(size_t version);
  std::string version_text() const { return version_text(version); }

  // One of the folders' libraries by its name, or null; it stays open, so that others that want it find it.
  static void* open_in_folders(const char* name, std::string* found = nullptr);

  std::string path;  // "": there is no library
  size_t version = 0;
  std::string why;  // what is wrong with a library that is there and cannot be used

 private:
  void* lookup(const char* name) const;
  void* symbol(const char* name);
  void* library_ = nullptr;  // never closed: it keeps threads and device code of its own
};

}  // namespace easel
