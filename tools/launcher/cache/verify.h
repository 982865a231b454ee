// Which unpacked files are not what the executable carries.
#pragma once

#include <vector>

#include "../payload.h"

namespace easel {

// Reads and hashes every byte of every file below the folder `fd`. Time stamps are not trusted.
std::vector<const Entry*> damaged_entries(const Payload& payload, int fd);

}  // namespace easel
