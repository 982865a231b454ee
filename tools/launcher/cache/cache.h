// The unpacked files: where they lie, whether they are whole, making them so.
#pragma once

#include <string>
#include <vector>

#include "../payload.h"

namespace easel {

// A folder whose files all have their hashes, kept from being cleaned away for as long as this process (and
// what it turns into by exec) lives.
struct Unpacked {
  std::string folder;
  File in_use;
};

// Finds the files unpacked and whole, or unpacks them. Throws Failure, which names every folder that was
// tried.
Unpacked unpacked(const Payload& payload);

}  // namespace easel
