#pragma once
#include "kernels/cuda/device_math.cuh"

namespace kandinsky::cuda {

constexpr int norm_threads = 256;
constexpr int most_hidden = 4096;

// Among the 256 threads that compute.
__device__ __forceinline__ void consumer_sync() { asm volatile("bar.sync 1, 256;" ::: "memory"); }

// Count, mean and sum of squared deviations of a set of numbers, and of two sets together (Chan, Golub, LeVeque 1979).
struct Moments {
  float count, mean, squares;
  __device__ __forceinline__ Moments operator+(const Moments& other) const {
    const float total = count + other.count;
    const float inverse = total > 0 ? __frcp_rn(total) : 0.0f;
    const float difference = mean - other.mean;
    return {total, (mean * count + other.mean * other.count) * inverse,
            squares + other.squares + difference * difference * (count * other.count * inverse)};
  }
};

// Over the 256 threads, the same for all of them. `part` alternates between the calls that share `scratch`.
__device__ __forceinline__ Moments over_threads(Moments value, float* scratch, int& part) {
#pragma unroll
  for (int offset = 16; offset > 0; offset /= 2) {
    Moments other;
    other.count = __shfl_xor_sync(0xFFFFFFFFu, value.count, offset);
    other.mean = __shfl_xor_sync(0xFFFFFFFFu, value.mean, offset);
    other.squares = __shfl_xor_sync(0xFFFFFFFFu, value.squares, offset);
    value = value + other;
  }
  auto* slots = reinterpret_cast<Moments*>(scratch) + part * 8;
  part ^= 1;
  if (threadIdx.x % 32 == 0) slots[threadIdx.x / 32] = value;
  consumer_sync();
  return ((slots[0] + slots[1]) + (slots[2] + slots[3])) + ((slots[4] + slots[5]) + (slots[6] + slots[7]));
}
constexpr std::size_t norm_scratch_bytes = 2 * 8 * sizeof(Moments);

// `count` numbers, a multiple of four, dealt out over the threads in groups of four.
constexpr int each = most_hidden / norm_threads;

__device__ __forceinline__ int slice_start(int thread, int group) { return (thread + group * norm_threads) * 4; }

struct Slice {
  float v[each];
  // Numbers past the end are 0.
  __device__ __forceinline__ void load(const float* from, int count, int thread) {
#pragma unroll
    for (int g = 0; g < each / 4; ++g) {
      const int k = slice_start(thread, g);
      const float4 four = k < count ? __ldcg(reinterpret_cast<const float4*>(from + k)) : float4{};
      v[g * 4] = four.x;
      v[g * 4 + 1] = four.y;
      v[g * 4 + 2] = four.z;
      v[g * 4 + 3] = four.w;
    }
  }
  __device__ __forceinline__ void store(float* to, int count, int thread) const {
#pragma unroll
    for (int g = 0; g < each / 4; ++g)
      if (const int k = slice_start(thread, g); k < count)
        *reinterpret_cast<float4*>(to + k) = {v[g * 4], v[g * 4 + 1], v[g * 4 + 2], v[g * 4 + 3]};
  }
};

struct NormSlice {
  Slice weight, bias;
  __device__ __forceinline__ void load(const Norm& norm, int count, int thread) {
    weight.load(norm.weight, count, thread);
    bias.load(norm.bias, count, thread);
  }
};

// x = (x - mean) / sqrt(variance + 1e-5) * weight + bias
__device__ __forceinline__ void normalise(Slice& x, int count, const NormSlice& norm, int thread, float* scratch,
                                          int& part) {
  Moments mine{0, 0, 0};
#pragma unroll
  for (int g = 0; g < each / 4; ++g)
    if (slice_start(thread, g) < count) {
      mine.count += 4;
      mine.mean += (x.v[g * 4] + x.v[g * 4 + 1]) + (x.v[g * 4 + 2] + x.v[g * 4 + 3]);
    }
  mine.mean = mine.count > 0 ? mine.mean / mine.count : 0.0f;
#pragma unroll
  for (int g = 0; g < each / 4; ++g)
    if (slice_start(thread, g) < count)
#pragma unroll
      for (int i = g * 4; i < g * 4 + 4; ++i) mine.squares += (x.v[i] - mine.mean) * (x.v[i] - mine.mean);
  const Moments all = over_threads(mine, scratch, part);
  const float scale = rsqrtf(all.squares / count + 1e-5f);
#pragma unroll
  for (int i = 0; i < each; ++i) x.v[i] = (x.v[i] - all.mean) * scale * norm.weight.v[i] + norm.bias.v[i];
#pragma unroll
  for (int g = 0; g < each / 4; ++g)
    if (slice_start(thread, g) >= count)
#pragma unroll
      for (int i = g * 4; i < g * 4 + 4; ++i) x.v[i] = 0;
}

// x += sandwich(clamp(sum of partial products + bias)); activations = last(norm(x)). A row a block: there are at least
// as many blocks as rows. `bias` nullptr: x stays. `sandwich` and `last` without weights: none.
//
// Nothing is held across the barrier before: registers that do not suffice would go to memory.
template <int NT, typename T>
__device__ __forceinline__ void residual_norm(const Model& m, const Buffers& b, const Row* rows, const float* bias,
                                              int splits, bool clamp, const Norm& sandwich, const Norm& norm,
                                              const Norm& last, float* scratch) {
  const int row = blockIdx.x, hidden = m.hidden, thread = fresh_thread();
  if (row >= NT * 8 || rows[row].position < 0) return;
  int part = 0;
  Slice x;
  NormSlice scale;
  x.load(b.x + std::size_t(row) * hidden, hidden, thread);
  if (bias != nullptr) {
    Slice sum;
    sum.load(bias, hidden, thread);
    const float* partial = b.partial + std::size_t(row) * hidden;
    const std::size_t next = std::size_t(b.rows) * hidden;
    constexpr int together = 4;
    for (int split = 0; split < splits; split += together) {
      Slice slice[together];
#pragma unroll
      for (int s = 0; s < together; ++s)
        slice[s].load(partial + (split + s) * next, split + s < splits ? hidden : 0, thread);
#pragma unroll
      for (int s = 0; s < together; ++s)
#pragma unroll
        for (int i = 0; i < each; ++i) sum.v[i] += slice[s].v[i];
    }
    if (clamp) {
#pragma unroll
      for (int i = 0; i < each; ++i) sum.v[i] = fminf(fmaxf(sum.v[i], -65504.0f), 65504.0f);
    }
    if (sandwich.weight != nullptr) {
      scale.load(sandwich, hidden, thread);
      normalise(sum, hidden, scale, thread, scratch, part);
    }
#pragma unroll
    for (int i = 0; i < each; ++i) x.v[i] += sum.v[i];
    x.store(b.x + std::size_t(row) * hidden, hidden, thread);
  }
  scale.load(norm, hidden, thread);
  normalise(x, hidden, scale, thread, scratch, part);
  if (last.weight != nullptr) {
    scale.load(last, hidden, thread);
    normalise(x, hidden, scale, thread, scratch, part);
  }
  T* out = static_cast<T*>(b.activations);
#pragma unroll
  for (int g = 0; g < each / 4; ++g) {
    const int k = slice_start(thread, g);
    if (k >= hidden) continue;
#pragma unroll
    for (int i = 0; i < 4; i += 2)
      store_pair(out + activation_offset(k + i, row, NT), x.v[g * 4 + i], x.v[g * 4 + i + 1]);
  }
}

}  // namespace kandinsky::cuda
