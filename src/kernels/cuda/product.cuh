#pragma once
#include "kernels/cuda/device_math.cuh"

namespace kandinsky::cuda {

__device__ __forceinline__ void multiply_tile(float (&c)[4], const uint4& a, const uint2& b, __half) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
               : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
               : "r"(a.x), "r"(a.y), "r"(a.z), "r"(a.w), "r"(b.x), "r"(b.y));
}

__device__ __forceinline__ void multiply_tile(float (&c)[4], const uint4& a, const uint2& b, __nv_bfloat16) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a.x), "r"(a.y), "r"(a.z), "r"(a.w), "r"(b.x), "r"(b.y));
}

// Rows [16] x 32 of the first operand: two products' worth.
template <typename T>
__device__ __forceinline__ void multiply_32(float (&acc)[4], const uint4& low, const uint4& high, const uint4& b,
                                            T number) {
  multiply_tile(acc, uint4{low.x, high.x, low.y, high.y}, uint2{b.x, b.y}, number);
  multiply_tile(acc, uint4{low.z, high.z, low.w, high.w}, uint2{b.z, b.w}, number);
}

// Describes an operand in shared memory: see block_bytes. `along_k` is the distance of blocks that follow each other in
// k. What changes from operand to operand is the low word, by units of 16 bytes.
__device__ __forceinline__ std::uint32_t operand_at(std::uint32_t address, int along_k) {
  return address >> 4 | std::uint32_t(along_k >> 4) << 16;
}
__device__ __forceinline__ std::uint64_t operand(std::uint32_t low) {
  return std::uint64_t(block_bytes >> 4) << 32 | low;
}
constexpr int operand_unit = 16;

// acc += weights [64 outputs][16] times activations [16][NT * 8 rows], by a group of four warps. Asynchronous.
#define KANDINSKY_MULTIPLY_GROUP(T, TYPE, TILES, ROWS, SUMS, A, B, ...)                                        \
  __device__ __forceinline__ void multiply_group(float(&acc)[TILES][4], std::uint64_t a, std::uint64_t b, T) { \
    asm volatile(                                                                                              \
        "{.reg .pred add; setp.eq.s32 add, 0, 0;"                                                              \
        "wgmma.mma_async.sync.aligned.m64n" ROWS "k16.f32." TYPE "." TYPE " {" SUMS "}, " A ", " B             \
        ", add, 1, 1, 0, 0;}"                                                                                  \
        : __VA_ARGS__                                                                                          \
        : "l"(a), "l"(b));                                                                                     \
  }
#define KANDINSKY_SUMS(TILE) "+f"(acc[TILE][0]), "+f"(acc[TILE][1]), "+f"(acc[TILE][2]), "+f"(acc[TILE][3])
#define KANDINSKY_SUMS_4(TILE) \
  KANDINSKY_SUMS(TILE), KANDINSKY_SUMS(TILE + 1), KANDINSKY_SUMS(TILE + 2), KANDINSKY_SUMS(TILE + 3)
#define KANDINSKY_GROUP_OF_8(T, TYPE) \
  KANDINSKY_MULTIPLY_GROUP(T, TYPE, 1, "8", "%0, %1, %2, %3", "%4", "%5", KANDINSKY_SUMS(0))
#define KANDINSKY_GROUP_OF_16(T, TYPE)                                                                        \
  KANDINSKY_MULTIPLY_GROUP(T, TYPE, 2, "16", "%0, %1, %2, %3, %4, %5, %6, %7", "%8", "%9", KANDINSKY_SUMS(0), \
                           KANDINSKY_SUMS(1))
#define KANDINSKY_GROUP_OF_32(T, TYPE)                                                                               \
  KANDINSKY_MULTIPLY_GROUP(T, TYPE, 4, "32", "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15", \
                           "%16", "%17", KANDINSKY_SUMS_4(0))
#define KANDINSKY_GROUP_OF_64(T, TYPE)                                                                             \
  KANDINSKY_MULTIPLY_GROUP(T, TYPE, 8, "64",                                                                       \
                           "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, " \
                           "%19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31",                      \
                           "%32", "%33", KANDINSKY_SUMS_4(0), KANDINSKY_SUMS_4(4))
KANDINSKY_GROUP_OF_8(__half, "f16")
KANDINSKY_GROUP_OF_8(__nv_bfloat16, "bf16")
KANDINSKY_GROUP_OF_16(__half, "f16")
KANDINSKY_GROUP_OF_16(__nv_bfloat16, "bf16")
KANDINSKY_GROUP_OF_32(__half, "f16")
KANDINSKY_GROUP_OF_32(__nv_bfloat16, "bf16")
KANDINSKY_GROUP_OF_64(__half, "f16")
KANDINSKY_GROUP_OF_64(__nv_bfloat16, "bf16")
#undef KANDINSKY_GROUP_OF_8
#undef KANDINSKY_GROUP_OF_16
#undef KANDINSKY_GROUP_OF_32
#undef KANDINSKY_GROUP_OF_64
#undef KANDINSKY_SUMS_4
#undef KANDINSKY_SUMS
#undef KANDINSKY_MULTIPLY_GROUP

__device__ __forceinline__ void groups_begin() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
__device__ __forceinline__ void groups_commit() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }
template <int Left>
__device__ __forceinline__ void groups_wait() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(Left) : "memory");
}

// No arithmetic on the sums before this: the compiler knows nothing of what is still under way.
template <int NT>
__device__ __forceinline__ void groups_finish(float (&acc)[NT][4]) {
  groups_wait<0>();
#pragma unroll
  for (int nt = 0; nt < NT; ++nt)
#pragma unroll
    for (int i = 0; i < 4; ++i) asm volatile("" : "+f"(acc[nt][i])::"memory");
}

// Bytes from block to block along k.
constexpr int weights_along_k = row_tile / 8 * block_bytes;
template <int NT>
constexpr int activations_along_k = NT* block_bytes;

// acc += 64 of a stage's outputs, those of the calling warp group, times NT * 8 rows of activations: operands that
// begin there. Asynchronous.
template <int NT, typename T>
__device__ __forceinline__ void multiply_stage(std::uint32_t weights, std::uint32_t activations, float (&acc)[NT][4]) {
#pragma unroll
  for (int k = 0; k < k_chunk / 16; ++k)
    multiply_group(acc, operand(weights + 2 * k * weights_along_k / operand_unit),
                   operand(activations + 2 * k * activations_along_k<NT> / operand_unit), T{});
}

// Four lanes a distance of four apart have sums of four outputs that follow each other, of two rows, and of the four
// outputs eight further. So that each can store together what lies together, each takes the four of one row and half:
// outputs from first_of_quad on, of row_of_quad, among the tile's 16 outputs of a warp and a group of eight rows.
__device__ __forceinline__ int first_of_quad(unsigned lane) { return lane / 8 % 2 * 8 + lane / 16 * 4; }
__device__ __forceinline__ int row_of_quad(unsigned lane) { return lane % 4 * 2 + lane / 4 % 2; }
__device__ __forceinline__ void gather_quad(float (&sums)[4]) {
#pragma unroll
  for (int step = 1; step <= 2; step *= 2) {
    const bool upper = (threadIdx.x / 4 & step) != 0;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      if ((i & step) != 0) continue;
      float &low = sums[i], &high = sums[i + step];
      const float got = __shfl_xor_sync(0xFFFFFFFFu, upper ? low : high, 4 * step);
      (upper ? low : high) = got;
    }
  }
}

// The tanh form of GELU: x / (1 + exp(-2 sqrt(2 / pi) (x + 0.044715 x^3))).
__device__ __forceinline__ float gelu(float x) {
  return __fdividef(x, 1.0f + __expf(-1.59576912f * (x + 0.044715f * x * x * x)));
}

}  // namespace kandinsky::cuda
