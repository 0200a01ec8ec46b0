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

// `count` numbers, a multiple of four, dealt out over the threads in groups of four.
constexpr int each = most_hidden / norm_threads;

__device__ __forceinline__ int slice_start(int group) { return (int(threadIdx.x) + group * norm_threads) * 4; }

struct Slice {
  float v[each];
  // Numbers past the end are 0.
  __device__ __forceinline__ void load(const float* from, int count) {
#pragma unroll
    for (int g = 0; g < each / 4; ++g) {
      const int k = slice_start(g);
      const float4 four = k < count ? __ldcg(reinterpret_cast<const float4*>(from + k)) : float4{};
      v[g * 4] = four.x;
      v[g * 4 + 1] = four.y;
      v[g * 4 + 2] = four.z;
      v[g * 4 + 3] = four.w;
    }
  }
  __device__ __forceinline__ void store(float* to, int count) const {
#pragma unroll
    for (int g = 0; g < each / 4; ++g)
      if (const int k = slice_start(g); k < count)
        *reinterpret_cast<float4*>(to + k) = {v[g * 4], v[g * 4 + 1], v[g * 4 + 2], v[g * 4 + 3]};
  }
};

struct NormSlice {
  Slice weight, bias;
  __device__ __forceinline__ void load(const Norm& norm, int count) {
    weight.load(norm.weight, count);
    bias.load(norm.bias, count);
  }
};

// x = (x - mean) / sqrt(variance + 1e-5) * weight + bias
__device__ __forceinline__ void normalise(Slice& x, int count, const NormSlice& norm, float* scratch, int& part) {
  float sum = 0;
#pragma unroll
  for (int i = 0; i < each; ++i) sum += x.v[i];
  const float mean = sum_over_threads(sum, scratch, part) / count;
  sum = 0;
#pragma unroll
  for (int g = 0; g < each / 4; ++g)
    if (slice_start(g) < count)
#pragma unroll
      for (int i = g * 4; i < g * 4 + 4; ++i) sum += (x.v[i] - mean) * (x.v[i] - mean);
  const float scale = rsqrtf(sum_over_threads(sum, scratch, part) / count + 1e-5f);
#pragma unroll
  for (int i = 0; i < each; ++i) x.v[i] = (x.v[i] - mean) * scale * norm.weight.v[i] + norm.bias.v[i];
#pragma unroll
  for (int g = 0; g < each / 4; ++g)
    if (slice_start(g) >= count)
#pragma unroll
      for (int i = g * 4; i < g * 4 + 4; ++i) x.v[i] = 0;
}

// x += sandwich(clamp(sum of partial products + bias)); activations = last(norm(x)). A row a block: there are at least
// as many blocks as rows. `bias` nullptr: x stays. `last` without weights: none.
template <int NT, typename T>
__device__ __forceinline__ void residual_norm(const Model& m, const Buffers& b, const Row* rows, const float* bias, int splits,
                                              bool clamp, const Norm& sandwich, const Norm& norm, const Norm& last,
                                              float* scratch) {
  const int hidden = m.hidden, n = blockIdx.x;
  if (n >= NT * 8 || rows[n].position < 0) return;
  int part = 0;
  Slice x;
  NormSlice between, after;
  x.load(b.x + std::size_t(n) * hidden, hidden);
  after.load(norm, hidden);
  if (bias != nullptr) {
    const float* partial = b.partial + std::size_t(n) * hidden;
    const std::size_t next = std::size_t(b.rows) * hidden;
    Slice sum;
    sum.load(bias, hidden);
    if (sandwich.weight != nullptr) between.load(sandwich, hidden);
    constexpr int together = 2;
    for (int split = 0; split < splits; split += together) {
      Slice slice[together];
#pragma unroll
      for (int s = 0; s < together; ++s) slice[s].load(partial + (split + s) * next, split + s < splits ? hidden : 0);
#pragma unroll
      for (int s = 0; s < together; ++s)
#pragma unroll
        for (int i = 0; i < each; ++i) sum.v[i] += slice[s].v[i];
    }
    if (clamp) {
#pragma unroll
      for (int i = 0; i < each; ++i) sum.v[i] = fminf(fmaxf(sum.v[i], -65504.0f), 65504.0f);
    }
    if (sandwich.weight != nullptr) normalise(sum, hidden, between, scratch, part);
#pragma unroll
    for (int i = 0; i < each; ++i) x.v[i] += sum.v[i];
    x.store(b.x + std::size_t(n) * hidden, hidden);
  }
  normalise(x, hidden, after, scratch, part);
  if (last.weight != nullptr) {
    after.load(last, hidden);
    normalise(x, hidden, after, scratch, part);
  }
  T* out = static_cast<T*>(b.activations);
#pragma unroll
  for (int g = 0; g < each / 4; ++g) {
    const int k = slice_start(g);
    if (k >= hidden) continue;
#pragma unroll
    for (int i = 0; i < 4; i += 2)
      store_pair(out + activation_offset(k + i, n, NT), x.v[g * 4 + i], x.v[g * 4 + i + 1]);
  }
  consumer_sync();
}

}  // namespace kandinsky::cuda
