#pragma once
#include "kernels/cuda/device_math.cuh"

namespace kandinsky::cuda {

__device__ __forceinline__ void multiply_tile(float (&c)[4], const uint4& a, const uint2& b, __half) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a.x), "r"(a.y), "r"(a.z), "r"(a.w), "r"(b.x), "r"(b.y));
}

__device__ __forceinline__ void multiply_tile(float (&c)[4], const uint4& a, const uint2& b, __nv_bfloat16) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a.x), "r"(a.y), "r"(a.z), "r"(a.w), "r"(b.x), "r"(b.y));
}

// acc += a warp's 16 outputs of a stage of weights times NT * 8 rows of activations, both in fragment order.
template <int NT, typename T>
__device__ __forceinline__ void multiply_stage(const char* weights, const char* activations, int lane, float (&acc)[NT][4]) {
  uint4 a[k_chunk / 16];
#pragma unroll
  for (int k = 0; k < k_chunk / 16; ++k) a[k] = *reinterpret_cast<const uint4*>(weights + (k * 32 + lane) * 16);
#pragma unroll
  for (int k = 0; k < k_chunk / 16; ++k)
#pragma unroll
    for (int n = 0; n < NT; ++n) {
      const uint2 b = *reinterpret_cast<const uint2*>(activations + ((k * NT + n) * 32 + lane) * 8);
      multiply_tile(acc[n], a[k], b, T{});
    }
}

// The tanh form of GELU: x / (1 + exp(-2 sqrt(2 / pi) (x + 0.044715 x^3))).
__device__ __forceinline__ float gelu(float x) {
  return x / (1.0f + expf(-1.59576912f * (x + 0.044715f * x * x * x)));
}

}  // namespace kandinsky::cuda
