#pragma once
#include "kernels/cuda/device_math.cuh"

namespace kandinsky::cuda {

constexpr int norm_threads = 256;
constexpr int most_hidden = 4096;

// Among the 256 threads that compute.
__device__ __forceinline__ void consumer_sync() { asm volatile("bar.sync 1, 256;" ::: "memory"); }

// Sum over the 256 threads, the same for all of them. `part` alternates between the calls that share `scratch`.
__device__ __forceinline__ float sum_over_threads(float value, float* scratch, int& part) {
#pragma unroll
  for (int offset = 16; offset > 0; offset /= 2) value += __shfl_xor_sync(0xFFFFFFFFu, value, offset);
  float* slots = scratch + part * 8;
  part ^= 1;
  if (threadIdx.x % 32 == 0) slots[threadIdx.x / 32] = value;
  consumer_sync();
  float sum = 0;
#pragma unroll
  for (int i = 0; i < 8; ++i) sum += slots[i];
  return sum;
}

// v = (v - mean) / sqrt(variance + 1e-5) * weight + bias, `count` numbers dealt out over the threads.
template <int Each>
__device__ __forceinline__ void normalise(float (&v)[Each], int count, const Norm& norm, float* scratch, int& part) {
  float sum = 0;
#pragma unroll
  for (int i = 0; i < Each; ++i)
    if (int(threadIdx.x) + i * norm_threads < count) sum += v[i];
  const float mean = sum_over_threads(sum, scratch, part) / count;
  sum = 0;
#pragma unroll
  for (int i = 0; i < Each; ++i)
    if (int(threadIdx.x) + i * norm_threads < count) sum += (v[i] - mean) * (v[i] - mean);
  const float scale = rsqrtf(sum_over_threads(sum, scratch, part) / count + 1e-5f);
#pragma unroll
  for (int i = 0; i < Each; ++i) {
    const int k = threadIdx.x + i * norm_threads;
    if (k < count) v[i] = (v[i] - mean) * scale * norm.weight[k] + norm.bias[k];
  }
}

// x += sandwich(clamp(sum of partial products + bias)); activations = last(norm(x)). A row a block. `bias` nullptr: x
// stays. `last` without weights: none.
template <int NT, typename T>
__device__ __forceinline__ void residual_norm(const Model& m, const Buffers& b, int rows, const float* bias, int splits,
                                              bool clamp, const Norm& sandwich, const Norm& norm, const Norm& last,
                                              float* scratch) {
  constexpr int each = most_hidden / norm_threads;
  const int hidden = m.hidden;
  for (int n = blockIdx.x; n < rows; n += gridDim.x) {
    if (b.row[n].position < 0) continue;
    int part = 0;
    float* x = b.x + std::size_t(n) * hidden;
    float v[each];
    if (bias != nullptr) {
#pragma unroll
      for (int i = 0; i < each; ++i) {
        const int k = threadIdx.x + i * norm_threads;
        v[i] = k < hidden ? bias[k] : 0;
      }
      for (int split = 0; split < splits; ++split) {
        const float* from = b.partial + (std::size_t(split) * b.rows + n) * hidden;
#pragma unroll
        for (int i = 0; i < each; ++i) {
          const int k = threadIdx.x + i * norm_threads;
          if (k < hidden) v[i] += __ldcg(from + k);
        }
      }
      if (clamp) {
#pragma unroll
        for (int i = 0; i < each; ++i) v[i] = fminf(fmaxf(v[i], -65504.0f), 65504.0f);
      }
      if (sandwich.weight != nullptr) normalise(v, hidden, sandwich, scratch, part);
    }
#pragma unroll
    for (int i = 0; i < each; ++i) {
      const int k = threadIdx.x + i * norm_threads;
      if (k >= hidden) continue;
      if (bias == nullptr) {
        v[i] = __ldcg(x + k);
      } else {
        v[i] += __ldcg(x + k);
        x[k] = v[i];
      }
    }
    normalise(v, hidden, norm, scratch, part);
    if (last.weight != nullptr) normalise(v, hidden, last, scratch, part);
    T* out = static_cast<T*>(b.activations);
#pragma unroll
    for (int i = 0; i < each; ++i) {
      const int k = threadIdx.x + i * norm_threads;
      if (k < hidden) out[activation_offset(k, n, NT)] = narrow<T>(v[i]);
    }
    consumer_sync();
  }
}

}  // namespace kandinsky::cuda
