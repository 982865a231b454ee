// Device memory behind the opaque handle of easel.h, alike in every backend.
#pragma once
#include "../easel.h"

struct easel_buffer {
  char* data;  // an address of the device's memory
  uint64_t bytes;
  uint64_t id;
};
