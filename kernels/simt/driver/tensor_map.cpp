// The simulated driver's tensor maps, and the layout of tiles in shared memory that copies make and wgmma
// reads: rows of 128, 64 or 32 bytes whose chunks are exchanged by as many of the address's bits from 7 on.
#include "../hopper_parts.h"
#include "context.h"

namespace simt {
namespace {

constexpr uint32_t kTiled = 0x7411ed, kPixels = 0x714e15;
constexpr int kMost = 4;

// What a TensorMap holds here.
struct Map {
  char* base;
  uint32_t kind, rank;
  uint32_t sides[kMost];   // innermost first
  uint64_t steps[kMost];   // bytes
  uint16_t box[kMost];     // tiled
  uint8_t strides[kMost];  // of pixels
  int16_t lower[2], upper[2];
  uint16_t channels, pixels;
  uint8_t swizzle;  // bytes of a row
};
static_assert(sizeof(Map) <= sizeof(easel::TensorMap));

Map map_of(const easel::TensorMap& map) {
  Map m;
  memcpy(&m, &map, sizeof m);
  return m;
}

// bytes: of a row.
unsigned char* shared_at(uintptr_t address, size_t bytes) {
  return shared_memory + (address ^ (address >> 7 & (bytes / 16 - 1)) << 4);
}

// One row of a tile, `row` long: `bytes` from `from`, then zeros.
void copy_row(uintptr_t to, const char* from, size_t bytes, size_t row, size_t swizzle, Place place) {
  if (from && bytes) check_access(from, bytes, false, place);
  for (size_t at = 0; at < row; at += 16) {
    unsigned char* chunk = shared_at(to + at, swizzle);
    check_access(chunk, 16, true, place);
    memset(chunk, 0, 16);
    if (from && at < bytes) memcpy(chunk, from + at, std::min<size_t>(16, bytes - at));
  }
}

// Of `count` elements from `first` on, in a tensor's row that has `side`: bytes that are there. Those before
// the row's beginning are not asked for by any kernel.
size_t inside(int first, uint32_t count, uint32_t side) {
  return first < 0 || first >= int(side) ? 0 : 2 * size_t(std::min<int64_t>(count, int64_t(side) - first));
}

size_t copy_box(uintptr_t to, const Map& m, const int* corner, Place place) {
  const size_t row = m.box[0] * 2u;
  size_t rows = 0;
  for (int w = 0; w < m.box[3]; ++w)
    for (int z = 0; z < m.box[2]; ++z)
      for (int y = 0; y < m.box[1]; ++y, ++rows) {
        const int at[] = {corner[0], corner[1] + y, corner[2] + z, corner[3] + w};
        const char* from = at[0] >= 0 ? m.base + int64_t(at[0]) * 2 : nullptr;
        for (int k = 1; k < kMost && from; ++k)
          from =
              at[k] >= 0 && at[k] < int(m.sides[k]) ? from + int64_t(at[k]) * int64_t(m.steps[k]) : nullptr;
        copy_row(to + rows * row, from, inside(at[0], m.box[0], m.sides[0]), row, m.swizzle, place);
      }
  return rows * row;
}

size_t copy_pixels(uintptr_t to, const Map& m, const int* corner, const int* shift, Place place) {
  int column = corner[1], row = corner[2], picture = corner[3];
  const int last_column = int(m.sides[1]) - 1 + m.upper[0], last_row = int(m.sides[2]) - 1 + m.upper[1];
  for (int k = 0; k < m.pixels; ++k) {
    const int c = column + shift[0], r = row + shift[1];
    const bool there = c >= 0 && c < int(m.sides[1]) && r >= 0 && r < int(m.sides[2]) && picture >= 0 &&
                       picture < int(m.sides[3]);
    const char* from = there ? m.base + int64_t(picture) * int64_t(m.steps[3]) +
                                   int64_t(r) * int64_t(m.steps[2]) + int64_t(c) * int64_t(m.steps[1]) +
                                   int64_t(corner[0]) * 2
                             : nullptr;
    copy_row(to + uintptr_t(k) * m.channels * 2, from, inside(corner[0], m.channels, m.sides[0]),
             m.channels * 2, m.swizzle, place);
    if ((column += m.strides[1]) <= last_column) continue;
    column = m.lower[0];
    if ((row += m.strides[2]) <= last_row) continue;
    row = m.lower[1];
    ++picture;
  }
  return size_t(m.pixels) * m.channels * 2;
}

int encode(easel::TensorMap* map, int type, uint32_t rank, char* base, const uint64_t* sides,
           const uint64_t* steps, const uint32_t* strides, int interleave, int swizzle, Map m) {
  if (capability() != 90 || (type != 6 && type != 9) || rank < 3 || rank > kMost || interleave ||
      swizzle < 1 || swizzle > 3)
    return kInvalidValue;
  if (uintptr_t(base) % 16 || uintptr_t(map) % 64) return kInvalidValue;
  m.base = base;
  m.rank = rank;
  m.swizzle = uint8_t(16 << swizzle);
  for (uint32_t k = rank; k < kMost; ++k) m.sides[k] = m.box[k] = 1;
  for (uint32_t k = 0; k < rank; ++k) {
    if (!sides[k] || sides[k] >> 32 || !strides[k] || strides[k] > 8) return kInvalidValue;
    m.sides[k] = uint32_t(sides[k]);
    m.strides[k] = uint8_t(strides[k]);
    m.steps[k] = k ? steps[k - 1] : 2;
    if (k && (m.steps[k] % 16 || m.steps[k] >> 40)) return kInvalidValue;
  }
  memcpy(map, &m, sizeof m);
  return kSuccess;
}

}  // namespace

void check_tensor(const void* to, const easel::TensorMap& map, bool pixels, int axes, Place place) {
  const Map m = map_of(map);
  if (m.kind != (pixels ? kPixels : kTiled) || int(m.rank) != axes)
    fault(place, "a copy by what is no tensor map of its kind");
  if ((static_cast<const unsigned char*>(to) - shared_memory) % 1024 != 0)
    fault(place, "a swizzled copy to no multiple of 1024 of shared memory");
}

size_t copy_tensor(void* to, const easel::TensorMap& map, const int* corner, const int* shift, Place place) {
  const Map m = map_of(map);
  const uintptr_t at = uintptr_t(static_cast<unsigned char*>(to) - shared_memory);
  return m.kind == kPixels ? copy_pixels(at, m, corner, shift, place) : copy_box(at, m, corner, place);
}

int described_columns(uint64_t descriptor, Place place) {
  const uint64_t layout = descriptor >> 62;
  if (!layout) fault(place, "a descriptor of tiles that are not swizzled");
  return 128 >> layout;
}

const uint16_t* described(uint64_t descriptor, bool across, int i, int k, Place place) {
  const int columns = described_columns(descriptor, place);
  const size_t bytes = size_t(columns) * 2;
  const uintptr_t start = (descriptor & 0x3fff) << 4, whole = (descriptor >> 16 & 0x3fff) << 4,
                  eight = (descriptor >> 32 & 0x3fff) << 4;
  const int row = across ? k : i, along = across ? i : k;
  const uintptr_t at = start + uintptr_t(row / 8) * eight + uintptr_t(row % 8) * bytes +
                       uintptr_t(along / columns) * whole + uintptr_t(along % columns) * 2;
  const unsigned char* found = shared_at(at, bytes);
  check_access(found, 2, false, place);
  return reinterpret_cast<const uint16_t*>(found);
}

}  // namespace simt

using namespace simt;

EXPORT int cuTensorMapEncodeTiled(easel::TensorMap* map, int type, uint32_t rank, void* base,
                                  const uint64_t* sides, const uint64_t* steps, const uint32_t* box,
                                  const uint32_t* strides, int interleave, int swizzle, int, int) {
  Map m{};
  m.kind = kTiled;
  for (uint32_t k = 0; k < rank && k < kMost; ++k) {
    if (!box[k] || box[k] > 256 || strides[k] != 1) return kInvalidValue;
    m.box[k] = uint16_t(box[k]);
  }
  if (rank > kMost || swizzle < 1 || box[0] * 2 != 16u << swizzle) return kInvalidValue;
  return encode(map, type, rank, static_cast<char*>(base), sides, steps, strides, interleave, swizzle, m);
}

EXPORT int cuTensorMapEncodeIm2col(easel::TensorMap* map, int type, uint32_t rank, void* base,
                                   const uint64_t* sides, const uint64_t* steps, const int* lower,
                                   const int* upper, uint32_t channels, uint32_t pixels,
                                   const uint32_t* strides, int interleave, int swizzle, int, int) {
  Map m{};
  m.kind = kPixels;
  if (rank != 4 || swizzle != 3 || channels * 2 > 128 || !channels || !pixels || pixels > 1024)
    return kInvalidValue;
  for (int k = 0; k < 2; ++k) {
    if (std::min(lower[k], upper[k]) < -128 || std::max(lower[k], upper[k]) > 127) return kInvalidValue;
    m.lower[k] = int16_t(lower[k]), m.upper[k] = int16_t(upper[k]);
  }
  m.channels = uint16_t(channels), m.pixels = uint16_t(pixels);
  return encode(map, type, rank, static_cast<char*>(base), sides, steps, strides, interleave, swizzle, m);
}
