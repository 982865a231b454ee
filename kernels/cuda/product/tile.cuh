// Operand tiles of the matrix products in shared memory, and how a block fills them.
//
// A tile spans SPAN rows (of A) or columns (of B) and 64 bytes of K: 32 halves or 16 floats. It is stored the
// way its operand lies in memory, along K or along the span, so that every global read and every shared write
// is a 16-byte chunk and nothing is transposed on the way: ldmatrix and its .trans form take either. Chunks
// are swizzled so that the eight rows which an ldmatrix phase reads lie in different banks.
#pragma once
#include "../device.cuh"

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
//   vector         whether chunks are aligned and either whole or absent; taken for granted unless ANY
//   line(s), find(line, k), inside(line)
//                  what depends on the position in the span alone, computed once; the address of element k
//                  there, null outside the operand; whether the span reaches to this line, asked where K is
//                  not contiguous
// or, with kSteps, addresses without arithmetic in the loop:
//   line(s, k)     element k of the first tile at this position: its address, and what tells whether it is
//   there step(k)        what all of the tile from k on have in common find(line, step), inside(line, step)
//                  the element as far on as the tile is; whether it is there, K's end (k_end) apart
//   row            where K is not contiguous: elements from one of its rows to the next
//   kWholeSteps    no tile reaches over K's end
template <typename T, int SPAN, int THREADS, bool ANY, typename Source>
class TileLoader {
 public:
  EASEL_DEVICE TileLoader(const Source& source, int first, int thread)
      : source_(source), first_(first), row_(thread / Shape::kChunks), chunk_(thread % Shape::kChunks) {
#pragma unroll
    for (int i = 0; i < kLines; ++i) {
      const int s = first + (Source::kAlongK ? row_ + i * kRowStep : chunk_ * Shape::kChunk);
      if constexpr (Source::kSteps)
        lines_[i] = source.line(s, Source::kAlongK ? chunk_ * Shape::kChunk : row_);
      else
        lines_[i] = source.line(s);
    }
  }

  // The tile of [k, k + kDepth); zeros from k_end on.
  EASEL_DEVICE void load(T* tile, int k, int k_end) const {
    if (ANY && !source_.vector) return load_elements(tile, k, k_end);
    if constexpr (Source::kSteps)
      load_steps(tile, k, k_end);
    else
      load_found(tile, k, k_end);
  }

 private:
  using Shape = Tile<T, SPAN, Source::kAlongK>;
  static constexpr int kRowStep = THREADS / Shape::kChunks;
  static constexpr int kPasses = Shape::kRows / kRowStep;
  static constexpr int kLines = Source::kAlongK ? kPasses : 1;
  static_assert(kRowStep * kPasses == Shape::kRows, "the threads do not divide the tile");

  EASEL_DEVICE void load_found(T* tile, int k, int k_end) const {
#pragma unroll
    for (int i = 0; i < kPasses; ++i) {
      const int row = row_ + i * kRowStep, at = k + (Source::kAlongK ? chunk_ * Shape::kChunk : row);
      const T* from = find(lines_[Source::kAlongK ? i : 0], at, k_end);
      cp_async16(tile + Shape::at(row, chunk_), from, from != nullptr);
    }
  }
  EASEL_DEVICE void load_steps(T* tile, int k, int k_end) const {
    const auto step = source_.step(k);
    const T* from = nullptr;
#pragma unroll
    for (int i = 0; i < kPasses; ++i) {
      const int row = row_ + i * kRowStep, at = k + (Source::kAlongK ? chunk_ * Shape::kChunk : row);
      const auto& line = lines_[Source::kAlongK ? i : 0];
      if constexpr (Source::kAlongK)
        from = source_.find(line, step);
      else
        from = i == 0 ? source_.find(line, step) : from + kRowStep * source_.row;
      cp_async16(tile + Shape::at(row, chunk_), from,
                 source_.inside(line, step) && (Source::kWholeSteps || at < k_end));
    }
  }

  // Element `at` of a line, or null.
  template <typename Line>
  EASEL_DEVICE const T* find(const Line& line, int at, int k_end) const {
    return at < k_end && (Source::kAlongK || source_.inside(line)) ? source_.find(line, at) : nullptr;
  }
  EASEL_DEVICE const T* element(int s, int at, int k_end) const {
    if constexpr (Source::kSteps) {
      const auto line = source_.line(s, at);
      const auto step = source_.step(0);
      return at < k_end && source_.inside(line, step) ? source_.find(line, step) : nullptr;
    } else {
      return find(source_.line(s), at, k_end);
    }
  }

  // Odd leading dimensions and channel counts: element by element.
  EASEL_DEVICE void load_elements(T* tile, int k, int k_end) const {
#pragma unroll 1
    for (int i = 0; i < kPasses; ++i) {
      const int row = row_ + i * kRowStep;
      T* to = tile + Shape::at(row, chunk_);
#pragma unroll 1
      for (int e = 0; e < Shape::kChunk; ++e) {
        const T* from = element(first_ + (Source::kAlongK ? row : chunk_ * Shape::kChunk + e),
                                k + (Source::kAlongK ? chunk_ * Shape::kChunk + e : row), k_end);
        to[e] = from ? *from : from_float<T>(0);
      }
    }
  }

  const Source& source_;
  const int first_, row_, chunk_;
  typename Source::Line lines_[kLines];
};

}  // namespace easel
