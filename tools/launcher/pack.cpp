// Puts files behind the launcher, as payload.h describes: pack LAUNCHER VERSION GLIBC OUTPUT <list
// with a line "MODE PATH<tab>SOURCE" for each file. The same input gives the same bytes.
#include <zstd.h>

#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <sstream>

#include "hash.h"

namespace {

// Level 9: deno 95.6 -> 36.2 MB in 3 s of a core; 12 makes 35.2 MB in 7 s, 19 32.1 MB in 72 s. Window as in
// payload.cpp.
constexpr int kLevel = 9, kWindowLog = 27;
// Workers cut the input into the same parts however many there are.
constexpr int kWorkers = 2;

using Bytes = std::string;

Bytes read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error(path + ": cannot be read");
  return Bytes(std::istreambuf_iterator<char>(file), {});
}

Bytes compress(const Bytes& plain) {
  std::unique_ptr<ZSTD_CCtx, size_t (*)(ZSTD_CCtx*)> context(ZSTD_createCCtx(), ZSTD_freeCCtx);
  for (const auto& [parameter, value] :
       {std::pair{ZSTD_c_compressionLevel, kLevel}, std::pair{ZSTD_c_windowLog, kWindowLog},
        std::pair{ZSTD_c_enableLongDistanceMatching, 1}, std::pair{ZSTD_c_nbWorkers, kWorkers}})
    if (const size_t status = ZSTD_CCtx_setParameter(context.get(), parameter, value); ZSTD_isError(status))
      throw std::runtime_error(ZSTD_getErrorName(status));
  Bytes packed(ZSTD_compressBound(plain.size()), '\0');
  const size_t size = ZSTD_compress2(context.get(), packed.data(), packed.size(), plain.data(), plain.size());
  if (ZSTD_isError(size)) throw std::runtime_error(ZSTD_getErrorName(size));
  packed.resize(size);
  return packed;
}

Bytes little_endian(uint64_t value) {
  Bytes bytes;
  for (int i = 0; i < 8; ++i) bytes += char(value >> 8 * i);
  return bytes;
}

void pack(const std::string& launcher, const std::string& version, const std::string& glibc,
          const std::string& output) {
  std::ofstream out(output, std::ios::binary);
  const Bytes code = read_file(launcher);
  out << code;
  uint64_t offset = code.size();
  std::ostringstream index;
  index << "version " << version << "\nglibc " << glibc << "\n";
  for (std::string line; std::getline(std::cin, line);) {
    const size_t space = line.find(' '), tab = line.find('\t');
    if (space == std::string::npos || tab == std::string::npos) throw std::runtime_error("bad line: " + line);
    const Bytes plain = read_file(line.substr(tab + 1)), packed = compress(plain);
    out << packed;
    index << "file " << line.substr(0, space) << ' ' << plain.size() << ' '
          << easel::hex(easel::hash_bytes(plain.data(), plain.size())) << ' ' << offset << ' '
          << packed.size() << ' ' << line.substr(space + 1, tab - space - 1) << "\n";
    offset += packed.size();
  }
  const Bytes text = index.str();
  const easel::Hash hash = easel::hash_bytes(text.data(), text.size());
  out << text << little_endian(offset) << little_endian(text.size());
  out.write(reinterpret_cast<const char*>(hash.data()), std::streamsize(hash.size()));
  out << "easel payload 1\n";
  out.close();
  if (!out) throw std::runtime_error(output + ": cannot be written");
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 5) {
    fprintf(stderr, "usage: pack LAUNCHER VERSION GLIBC OUTPUT <list\n");
    return 2;
  }
  try {
    pack(arguments[1], arguments[2], arguments[3], arguments[4]);
    return 0;
  } catch (const std::exception& error) {
    fprintf(stderr, "pack: %s\n", error.what());
    return 1;
  }
}
