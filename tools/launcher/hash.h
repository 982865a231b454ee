// XXH3, 128 bits, in the order that it is printed in. It notices damage and tampering at memory speed, which
// a cryptographic hash does not; who can write into a user's cache folder can run code as that user anyway.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace easel {

using Hash = std::array<uint8_t, 16>;

class Hasher {
 public:
  Hasher() { XXH3_128bits_reset(&state_); }
  void add(const void* data, size_t bytes) { XXH3_128bits_update(&state_, data, bytes); }
  Hash hash() const {
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(&state_));
    Hash hash;
    memcpy(hash.data(), canonical.digest, hash.size());
    return hash;
  }

 private:
  XXH3_state_t state_;
};

inline Hash hash_bytes(const void* data, size_t bytes) {
  Hasher hasher;
  hasher.add(data, bytes);
  return hasher.hash();
}

inline std::string hex(const Hash& hash) {
  std::string text;
  for (const uint8_t byte : hash) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

}  // namespace easel
