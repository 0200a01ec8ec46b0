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

// `count` numbers dealt out over the threads.
constexpr int each = most_hidden / norm_threads;

struct Slice {
  float v[each];
  // Numbers past the end are 0.
  __device__ __forceinline__ void load(const float* from, int count) {
#pragma unroll
    for (int i = 0; i < each; ++i) {
      const int k = threadIdx.x + i * norm_threads;
      v[i] = k < count ? __ldcg(from + k) : 0;
    }
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
  for (int i = 0; i < each; ++i)
    if (int(threadIdx.x) + i * norm_threads < count) sum += (x.v[i] - mean) * (x.v[i] - mean);
  const float scale = rsqrtf(sum_over_threads(sum, scratch, part) / count + 1e-5f);
#pragma unroll
  for (int i = 0; i < each; ++i)
    if (int(threadIdx.x) + i * norm_threads < count) x.v[i] = (x.v[i] - mean) * scale * norm.weight.v[i] + norm.bias.v[i];
}

// x += sandwich(clamp(sum of partial products + bias)); activations = last(norm(x)). A row a block. `bias` nullptr: x
// stays. `last` without weights: none. All that is read is asked for before the first of it is needed.
template <int NT, typename T>
__device__ __forceinline__ void residual_norm(const Model& m, const Buffers& b, const Row* rows, const float* bias, int splits,
                                              bool clamp, const Norm& sandwich, const Norm& norm, const Norm& last,
                                              float* scratch) {
  const int hidden = m.hidden;
  for (int n = blockIdx.x; n < NT * 8; n += gridDim.x) {
    if (rows[n].position < 0) continue;
    int part = 0;
    float* x = b.x + std::size_t(n) * hidden;
    Slice stream, t;
    NormSlice between, after;
    stream.load(x, hidden);
    if (bias != nullptr) {
      t.load(bias, hidden);
      if (sandwich.weight != nullptr) between.load(sandwich, hidden);
    }
    after.load(norm, hidden);
    if (bias != nullptr) {
#pragma unroll 4
      for (int split = 0; split < splits; ++split) {
        Slice partial;
        partial.load(b.partial + (std::size_t(split) * b.rows + n) * hidden, hidden);
#pragma unroll
        for (int i = 0; i < each; ++i) t.v[i] += partial.v[i];
      }
      if (clamp) {
#pragma unroll
        for (int i = 0; i < each; ++i) t.v[i] = fminf(fmaxf(t.v[i], -65504.0f), 65504.0f);
      }
      if (sandwich.weight != nullptr) normalise(t, hidden, between, scratch, part);
#pragma unroll
      for (int i = 0; i < each; ++i) {
        const int k = threadIdx.x + i * norm_threads;
        stream.v[i] += t.v[i];
        if (k < hidden) x[k] = stream.v[i];
      }
    }
    normalise(stream, hidden, after, scratch, part);
    if (last.weight != nullptr) {
      after.load(last, hidden);
      normalise(stream, hidden, after, scratch, part);
    }
    T* out = static_cast<T*>(b.activations);
#pragma unroll
    for (int i = 0; i < each; ++i) {
      const int k = threadIdx.x + i * norm_threads;
      if (k < hidden) out[activation_offset(k, n, NT)] = narrow<T>(stream.v[i]);
    }
    consumer_sync();
  }
}

}  // namespace kandinsky::cuda
