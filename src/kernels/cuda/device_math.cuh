#pragma once
// Small device pieces shared by the kernels.
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include <cstdint>

#include "kernels/cuda/decoder_step.h"

namespace kandinsky::cuda {

template <typename T>
__device__ __forceinline__ T narrow(float x);
template <>
__device__ __forceinline__ float narrow<float>(float x) {
  return x;
}
template <>
__device__ __forceinline__ __half narrow<__half>(float x) {
  return __float2half_rn(fminf(fmaxf(x, -65504.0f), 65504.0f));
}
template <>
__device__ __forceinline__ __nv_bfloat16 narrow<__nv_bfloat16>(float x) {
  return __float2bfloat16_rn(x);
}
__device__ __forceinline__ float widen(float x) { return x; }
__device__ __forceinline__ float widen(__half x) { return __half2float(x); }
__device__ __forceinline__ float widen(__nv_bfloat16 x) { return __bfloat162float(x); }

template <typename T>
__device__ __forceinline__ float2 widen_pair(std::uint32_t pair);
template <>
__device__ __forceinline__ float2 widen_pair<__half>(std::uint32_t pair) {
  return __half22float2(*reinterpret_cast<const __half2*>(&pair));
}
template <>
__device__ __forceinline__ float2 widen_pair<__nv_bfloat16>(std::uint32_t pair) {
  return __bfloat1622float2(*reinterpret_cast<const __nv_bfloat162*>(&pair));
}

template <typename T>
__device__ __forceinline__ std::uint32_t pack_pair(float first, float second) {
  T pair[2] = {narrow<T>(first), narrow<T>(second)};
  return std::uint32_t(*reinterpret_cast<std::uint16_t*>(&pair[0])) |
         std::uint32_t(*reinterpret_cast<std::uint16_t*>(&pair[1])) << 16;
}

template <typename T>
__device__ __forceinline__ uint2 pack_quad(const float4& v) {
  return {pack_pair<T>(v.x, v.y), pack_pair<T>(v.z, v.w)};
}

// Four numbers from place k on, a multiple of four.
__device__ __forceinline__ float4 at(const float* p, int k) { return *reinterpret_cast<const float4*>(p + k); }

__device__ __forceinline__ uint4 load_shared(const void* p) { return *static_cast<const uint4*>(p); }

__device__ __forceinline__ float2 operator+(const float2& a, const float2& b) { return {a.x + b.x, a.y + b.y}; }
__device__ __forceinline__ float4 operator+(const float4& a, const float4& b) {
  return {a.x + b.x, a.y + b.y, a.z + b.z, a.w + b.w};
}

// Without the cases that an ordinary division has a call for.
__device__ __forceinline__ float reciprocal(int n) {
  float result;
  asm("rcp.rn.f32 %0, %1;" : "=f"(result) : "f"(float(n)));
  return result;
}

// Kept in a register, where the compiler would work it out anew each time.
__device__ __forceinline__ std::uint32_t kept(std::uint32_t x) {
  asm volatile("" : "+r"(x));
  return x;
}

// threadIdx.x and blockIdx.x, read anew: what follows from it is not kept in registers through a whole pass.
__device__ __forceinline__ int fresh_thread() {
  int thread;
  asm volatile("mov.u32 %0, %%tid.x;" : "=r"(thread));
  return thread;
}

__device__ __forceinline__ int fresh_block() {
  int block;
  asm volatile("mov.u32 %0, %%ctaid.x;" : "=r"(block));
  return block;
}

// Two neighbours at an even place.
__device__ __forceinline__ void store_pair(__half* to, float first, float second) {
  *reinterpret_cast<__half2*>(to) = {narrow<__half>(first), narrow<__half>(second)};
}
__device__ __forceinline__ void store_pair(__nv_bfloat16* to, float first, float second) {
  *reinterpret_cast<__nv_bfloat162*>(to) = {narrow<__nv_bfloat16>(first), narrow<__nv_bfloat16>(second)};
}

// Operands of wgmma lie in shared memory as blocks of 8 rows of 8 numbers, 128 bytes each (PTX ISA 8, "Matrix operands
// in shared memory", no swizzling): first along the rows, then along k.
constexpr int block_bytes = 128;

// Where number k of row n stands among activations, for n_tiles groups of eight rows.
__host__ __device__ __forceinline__ std::size_t activation_offset(int k, int n, int n_tiles) {
  return (std::size_t(k / 8) * n_tiles + n / 8) * 64 + n % 8 * 8 + k % 8;
}

// Where element (output, input) of a matrix stands when packed: see Matrix.
__host__ __device__ __forceinline__ std::size_t weight_offset(int output, int input, int chunks) {
  const int tile = output / row_tile, chunk = input / k_chunk;
  const int row = output % row_tile, k = input % k_chunk;
  const std::size_t stage = (std::size_t(tile) * chunks + chunk) * (row_tile * k_chunk);
  return stage + (k / 8 * (row_tile / 8) + row / 8) * 64 + row % 8 * 8 + k % 8;
}

}  // namespace kandinsky::cuda
