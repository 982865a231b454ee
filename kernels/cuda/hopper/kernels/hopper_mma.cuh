// Products of warpgroups (wgmma): included by hopper.cuh alone. The sizes that kernels use, each written out
// since an instruction names all of its registers.
#pragma once

namespace easel {

#define EASEL_REGISTERS8 "%0, %1, %2, %3, %4, %5, %6, %7"
#define EASEL_REGISTERS16 EASEL_REGISTERS8 ", %8, %9, %10, %11, %12, %13, %14, %15"
#define EASEL_REGISTERS32 \
  EASEL_REGISTERS16       \
  ", %16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31"
#define EASEL_REGISTERS40 EASEL_REGISTERS32 ", %32, %33, %34, %35, %36, %37, %38, %39"
#define EASEL_REGISTERS64                                                              \
  EASEL_REGISTERS40                                                                    \
  ", %40, %41, %42, %43, %44, %45, %46, %47, %48, %49, %50, %51, %52, %53, %54, %55, " \
  "%56, %57, %58, %59, %60, %61, %62, %63"
#define EASEL_REGISTERS128                                                                       \
  EASEL_REGISTERS64                                                                              \
  ", %64, %65, %66, %67, %68, %69, %70, %71, %72, %73, %74, %75, %76, %77, %78, %79, "           \
  "%80, %81, %82, %83, %84, %85, %86, %87, %88, %89, %90, %91, %92, %93, %94, %95, "             \
  "%96, %97, %98, %99, %100, %101, %102, %103, %104, %105, %106, %107, %108, %109, %110, %111, " \
  "%112, %113, %114, %115, %116, %117, %118, %119, %120, %121, %122, %123, %124, %125, %126, %127"
#define EASEL_SUMS8(c) \
  "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3]), "+f"(c[4]), "+f"(c[5]), "+f"(c[6]), "+f"(c[7])
#define EASEL_SUMS16(c) EASEL_SUMS8(c), EASEL_SUMS8((c + 8))
#define EASEL_SUMS32(c) EASEL_SUMS16(c), EASEL_SUMS16((c + 16))
#define EASEL_SUMS40(c) EASEL_SUMS32(c), EASEL_SUMS8((c + 32))
#define EASEL_SUMS64(c) EASEL_SUMS32(c), EASEL_SUMS32((c + 32))
#define EASEL_SUMS128(c) EASEL_SUMS64(c), EASEL_SUMS64((c + 64))

// sums (64 x N, spread over four warps) += a (64 x 16) b (16 x N), by descriptors (describe); *_ACROSS: rows
// of the tile lie across K; without `add` sums are what was multiplied alone. Of warp w and lane l, with g =
// l / 4 and t = l % 4: sums[4j], [4j + 1] are row 16w + g, columns 8j + 2t and + 1; sums[4j + 2], [4j + 3]
// those of row 16w + g + 8. Asynchronous: until warpgroup_wait sums and tiles are in use.
template <typename T, int N, bool A_ACROSS, bool B_ACROSS>
EASEL_DEVICE void warpgroup_mma(float (&sums)[N / 2], uint64_t a, uint64_t b, bool add = true) {
#define EASEL_WGMMA(TYPE, COLUMNS, COUNT, A, B, LAYOUT_A, LAYOUT_B, ADD)                                    \
  asm volatile("{\n.reg .pred added;\nsetp.ne.b32 added, " ADD                                              \
               ", 0;\nwgmma.mma_async.sync.aligned.m64n" COLUMNS "k16.f32." TYPE "." TYPE                   \
               " {" EASEL_REGISTERS##COUNT "}, " A ", " B ", added, 1, 1, " LAYOUT_A ", " LAYOUT_B ";\n}\n" \
               : EASEL_SUMS##COUNT(sums)                                                                    \
               : "l"(a), "l"(b), "n"(int(A_ACROSS)), "n"(int(B_ACROSS)), "r"(int(add)))
#define EASEL_WGMMA_TYPES(...)           \
  if constexpr (std::is_same_v<T, bf16>) \
    EASEL_WGMMA("bf16", __VA_ARGS__);    \
  else                                   \
    EASEL_WGMMA("f16", __VA_ARGS__)
  static_assert(N == 256 || N == 128 || N == 80 || N == 64, "no such product is written out");
  if constexpr (N == 256) {
    EASEL_WGMMA_TYPES("256", 128, "%128", "%129", "%130", "%131", "%132");
  } else if constexpr (N == 128) {
    EASEL_WGMMA_TYPES("128", 64, "%64", "%65", "%66", "%67", "%68");
  } else if constexpr (N == 80) {
    EASEL_WGMMA_TYPES("80", 40, "%40", "%41", "%42", "%43", "%44");
  } else {
    EASEL_WGMMA_TYPES("64", 32, "%32", "%33", "%34", "%35", "%36");
  }
#undef EASEL_WGMMA
}

// The same with `a` in registers, which are in use as long: those of mma (intrinsics.cuh), each warp's 16
// rows. sums: N / 2 of them.
template <typename T, int N, bool B_ACROSS>
EASEL_DEVICE void warpgroup_mma(float* sums, const uint32_t (&a)[4], uint64_t b) {
#define EASEL_WGMMA(TYPE, COLUMNS, COUNT, A, B, LAYOUT_B)                                                  \
  asm volatile("{\n.reg .pred added;\nsetp.eq.b32 added, 0, 0;\nwgmma.mma_async.sync.aligned.m64n" COLUMNS \
               "k16.f32." TYPE "." TYPE " {" EASEL_REGISTERS##COUNT "}, {" A "}, " B                       \
                                                                    ", added, 1, 1, " LAYOUT_B ";\n}\n"    \
               : EASEL_SUMS##COUNT(sums)                                                                   \
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "n"(int(B_ACROSS)))
  static_assert(N == 128 || N == 64 || N == 32 || N == 16, "no such product is written out");
  if constexpr (N == 128) {
    EASEL_WGMMA_TYPES("128", 64, "%64, %65, %66, %67", "%68", "%69");
  } else if constexpr (N == 64) {
    EASEL_WGMMA_TYPES("64", 32, "%32, %33, %34, %35", "%36", "%37");
  } else if constexpr (N == 32) {
    EASEL_WGMMA_TYPES("32", 16, "%16, %17, %18, %19", "%20", "%21");
  } else {
    EASEL_WGMMA_TYPES("16", 8, "%8, %9, %10, %11", "%12", "%13");
  }
#undef EASEL_WGMMA
#undef EASEL_WGMMA_TYPES
}

}  // namespace easel
