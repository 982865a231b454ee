// Whether this system's C library will do, or the one that comes along has to.
#pragma once

#include <string>

namespace easel {

// The dynamic loader below the unpacked folder's system/, with the C library of the machine that easel was
// built on.
extern const char kOwnLoader[];

// True where the system has libgcc_s and a glibc of at least `version` ("2.36") where programs expect them.
bool host_has_glibc(const std::string& version);

}  // namespace easel
