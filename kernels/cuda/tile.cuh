// Operand tiles of the matrix products in shared memory, and how a block fills them.
//
// A tile spans SPAN rows (of A) or columns (of B) and 64 bytes of K: 32 halves or 16 floats. It is stored the
// way its operand lies in memory, along K or along the span, so that every global read and every shared write
// is a 16-byte chunk and nothing is transposed on the way: ldmatrix and its .trans form take either. Chunks
// are swizzled so that the eight rows which an ldmatrix phase reads lie in different banks.
#pragma once
#include "device.cuh"

namespace easel {

template <typename T, int SPAN, bool ALONG_K>
struct Tile {
  static constexpr int kDepth = 64 / int(sizeof(T));                  // of K
  static constexpr int kChunk = 16 / int(sizeof(T));                  // elements of a chunk
  static constexpr int kRows = ALONG_K ? SPAN : kDepth;               // as stored
  static constexpr int kChunks = (ALONG_K ? kDepth : SPAN) / kChunk;  // of a row
  static constexpr int kElements = SPAN * kDepth;

  static EASEL_DEVICE int at(int row, int chunk) {
    // Along K a row is half of the banks' 128 bytes, so pairs of rows share an offset.
    return (row * kChunks + (ALONG_K ? chunk ^ (row >> 1 & 3) : chunk ^ (row & 7))) * kChunk;
  }
};

// Copies successive tiles of a source. A source says where an operand's elements lie:
//   kAlongK        whether K is the contiguous direction
//   base, vector   whether chunks are aligned and either whole or absent; taken for granted unless ANY
//   line(s)        what depends on the position in the span alone, computed once
//   find(line, k)  the address of element k, null outside the operand
//   inside(line)   whether the span reaches to this line; asked where K is not contiguous
template <typename T, int SPAN, int THREADS, bool ANY, typename Source>
class TileLoader {
 public:
  EASEL_DEVICE TileLoader(const Source& source, int first, int thread)
      : source_(source), first_(first), row_(thread / Shape::kChunks), chunk_(thread % Shape::kChunks) {
#pragma unroll
    for (int i = 0; i < kLines; ++i)
      lines_[i] = source.line(first + (Source::kAlongK ? row_ + i * kRowStep : chunk_ * Shape::kChunk));
  }

  // The tile of [k, k + kDepth); zeros from k_end on.
  EASEL_DEVICE void load(T* tile, int k, int k_end) const {
    if (ANY && !source_.vector) return load_elements(tile, k, k_end);
#pragma unroll
    for (int i = 0; i < kPasses; ++i) {
      const int row = row_ + i * kRowStep, at = k + (Source::kAlongK ? chunk_ * Shape::kChunk : row);
      const auto& line = lines_[Source::kAlongK ? i : 0];
      const T* from =
          at < k_end && (Source::kAlongK || source_.inside(line)) ? source_.find(line, at) : nullptr;
      cp_async16(tile + Shape::at(row, chunk_), from ? from : source_.base, from != nullptr);
    }
  }

 private:
  using Shape = Tile<T, SPAN, Source::kAlongK>;
  static constexpr int kRowStep = THREADS / Shape::kChunks;
  static constexpr int kPasses = Shape::kRows / kRowStep;
  static constexpr int kLines = Source::kAlongK ? kPasses : 1;
  static_assert(kRowStep * kPasses == Shape::kRows, "the threads do not divide the tile");

  // Odd leading dimensions and channel counts: element by element.
  EASEL_DEVICE void load_elements(T* tile, int k, int k_end) const {
#pragma unroll 1
    for (int i = 0; i < kPasses; ++i) {
      const int row = row_ + i * kRowStep;
      T* to = tile + Shape::at(row, chunk_);
#pragma unroll 1
      for (int e = 0; e < Shape::kChunk; ++e) {
        const auto line = source_.line(first_ + (Source::kAlongK ? row : chunk_ * Shape::kChunk + e));
        const int at = k + (Source::kAlongK ? chunk_ * Shape::kChunk + e : row);
        const T* from =
            at < k_end && (Source::kAlongK || source_.inside(line)) ? source_.find(line, at) : nullptr;
        to[e] = from ? *from : from_float<T>(0);
      }
    }
  }

  const Source& source_;
  const int first_, row_, chunk_;
  typename Source::Line lines_[kLines];
};

}  // namespace easel
