#pragma once
#include "kernels/cuda/device_math.cuh"

namespace kandinsky::cuda {

constexpr int quad_threads = 128;  // four warps share one head of one row

__host__ __device__ __forceinline__ int most_image_keys(const Model& m) {
  return m.most_neighbours > m.grid + 1 ? m.most_neighbours : m.grid + 1;
}

// Of a block: the norms' sums, and for both quads the scores, reductions and outputs of attention.
__host__ __device__ __forceinline__ int quad_scratch(const Model& m) {
  return m.text_length + most_image_keys(m) + 16 + 4 * m.head_size;
}
__host__ __device__ __forceinline__ int scratch_floats(const Model& m) { return 16 + 2 * quad_scratch(m); }

// First element of the key at a raster index, within a slot.
__device__ __forceinline__ std::size_t cache_offset(const Model& m, const Layer& layer, int head, int raster) {
  int group = 0, place = raster % layer.capacity;
  if (layer.mask == Mask::column) {
    group = raster % m.grid;
    place = raster / m.grid;
  }
  return layer.cache + (std::size_t(head * layer.groups + group) * layer.capacity + place) * m.head_size;
}

__device__ __forceinline__ void quad_sync(int quad) { asm volatile("bar.sync %0, 128;" ::"r"(2 + quad) : "memory"); }

__device__ __forceinline__ uint4 load_streaming(const void* p) { return __ldcg(static_cast<const uint4*>(p)); }

__device__ __forceinline__ float2 widen_pair(std::uint32_t bits, __half) {
  return __half22float2(*reinterpret_cast<const __half2*>(&bits));
}
__device__ __forceinline__ float2 widen_pair(std::uint32_t bits, __nv_bfloat16) {
  return __bfloat1622float2(*reinterpret_cast<const __nv_bfloat162*>(&bits));
}

// Where the keys and values of a task lie.
template <typename T>
struct Keys {
  const T* text;
  const T* image;
  int text_count;
  const int* places;  // nullptr: image keys are consecutive
  int head_size;

  __device__ __forceinline__ const T* at(const T* text_base, const T* image_base, int j) const {
    if (j < text_count) return text_base + std::size_t(j) * head_size;
    const int i = j - text_count;
    return image_base + std::size_t(places == nullptr ? i : places[i]) * head_size;
  }
};

// context = softmax(q k) v for every row and head; the same operations in the same order for a row whatever the others.
template <int NT, typename T>
__device__ __forceinline__ void attend(const Model& m, const Buffers& b, int rows, int index, const Layer& layer,
                                       float* scratch) {
  const int quad = threadIdx.x / quad_threads, thread = threadIdx.x % quad_threads;
  const int warp = thread / 32, lane = thread % 32;
  const int size = m.head_size;
  float* scores = scratch + 16 + quad * quad_scratch(m);
  float* sums = scores + m.text_length + most_image_keys(m);
  float* outs = sums + 16;
  T* context = static_cast<T*>(b.context);
  const int tasks = rows * m.heads;
  for (int task = blockIdx.x + gridDim.x * quad; task < tasks; task += 2 * gridDim.x) {
    const int n = task / m.heads, head = task % m.heads;
    const Row row = b.row[n];
    if (row.position < 0) continue;
    const std::size_t text_base = std::size_t(index * m.heads + head) * m.text_length * size;
    const T* text_keys = static_cast<const T*>(row.text_keys) + text_base;
    const T* text_values = static_cast<const T*>(row.text_values) + text_base;
    const T* image_keys = nullptr;
    const T* image_values = nullptr;
    Keys<T> keys{nullptr, nullptr, m.text_length, nullptr, size};
    int total = 0;
    if (row.slot < 0) {
      keys.text_count = row.position + 1;
      total = keys.text_count;
    } else {
      int group = 0, count = 0;
      if (layer.mask == Mask::column) {
        group = row.position % m.grid;
        count = row.position / m.grid + 1;
      } else if (layer.mask == Mask::row) {
        count = min(row.position, m.grid) + 1;
      } else {
        keys.places = m.neighbours + std::size_t(row.position) * m.most_neighbours;
        count = m.neighbour_counts[row.position];
      }
      const std::size_t base = row.slot * m.slot_elements + layer.cache +
                               std::size_t(head * layer.groups + group) * layer.capacity * size;
      image_keys = static_cast<const T*>(b.keys) + base;
      image_values = static_cast<const T*>(b.values) + base;
      total = m.text_length + count;
    }

    // Scores: size / 16 lanes a key, 16 dimensions each.
    const int per_key = size / 16;
    const int part = thread % per_key;
    float q[16];
    const float* query = b.query + std::size_t(n) * m.hidden + head * size + part * 16;
#pragma unroll
    for (int d = 0; d < 16; d += 4) {
      const float4 four = __ldcg(reinterpret_cast<const float4*>(query + d));
      q[d] = four.x;
      q[d + 1] = four.y;
      q[d + 2] = four.z;
      q[d + 3] = four.w;
    }
    const int step = quad_threads / per_key;
    float largest = -INFINITY;
#pragma unroll 4
    for (int first = 0; first < total; first += step) {
      const int j = first + thread / per_key;
      float sum = 0;
      if (j < total) {
        const T* key = keys.at(text_keys, image_keys, j) + part * 16;
        const uint4 low = load_streaming(key), high = load_streaming(key + 8);
        const std::uint32_t words[8] = {low.x, low.y, low.z, low.w, high.x, high.y, high.z, high.w};
#pragma unroll
        for (int d = 0; d < 8; ++d) {
          const float2 pair = widen_pair(words[d], T{});
          sum = fmaf(q[2 * d], pair.x, sum);
          sum = fmaf(q[2 * d + 1], pair.y, sum);
        }
      }
      for (int offset = per_key / 2; offset > 0; offset /= 2) sum += __shfl_xor_sync(0xFFFFFFFFu, sum, offset);
      if (j < total) {
        if (part == 0) scores[j] = sum;
        largest = fmaxf(largest, sum);
      }
    }
#pragma unroll
    for (int offset = 16; offset > 0; offset /= 2) largest = fmaxf(largest, __shfl_xor_sync(0xFFFFFFFFu, largest, offset));
    if (lane == 0) sums[warp] = largest;
    quad_sync(quad);
    largest = fmaxf(fmaxf(sums[0], sums[1]), fmaxf(sums[2], sums[3]));
    float sum = 0;
    for (int j = thread; j < total; j += quad_threads) {
      const float weight = __expf(scores[j] - largest);
      scores[j] = weight;
      sum += weight;
    }
#pragma unroll
    for (int offset = 16; offset > 0; offset /= 2) sum += __shfl_xor_sync(0xFFFFFFFFu, sum, offset);
    if (lane == 0) sums[4 + warp] = sum;
    quad_sync(quad);
    const float inverse = 1.0f / ((sums[4] + sums[5]) + (sums[6] + sums[7]));

    // Values: size / 8 lanes a key, 8 dimensions each.
    const int value_lanes = size / 8;
    const int dims = thread % value_lanes * 8;
    float acc[8] = {};
#pragma unroll 4
    for (int j = thread / value_lanes; j < total; j += quad_threads / value_lanes) {
      const uint4 value = load_streaming(keys.at(text_values, image_values, j) + dims);
      const float weight = scores[j];
      const std::uint32_t words[4] = {value.x, value.y, value.z, value.w};
#pragma unroll
      for (int d = 0; d < 4; ++d) {
        const float2 pair = widen_pair(words[d], T{});
        acc[2 * d] = fmaf(weight, pair.x, acc[2 * d]);
        acc[2 * d + 1] = fmaf(weight, pair.y, acc[2 * d + 1]);
      }
    }
#pragma unroll
    for (int d = 0; d < 8; ++d)
      for (int offset = value_lanes; offset < 32; offset *= 2) acc[d] += __shfl_xor_sync(0xFFFFFFFFu, acc[d], offset);
    if (lane < value_lanes)
#pragma unroll
      for (int d = 0; d < 8; ++d) outs[warp * size + dims + d] = acc[d];
    quad_sync(quad);
    if (thread < size) {
      const float out = (outs[thread] + outs[size + thread]) + (outs[2 * size + thread] + outs[3 * size + thread]);
      context[activation_offset(head * size + thread, n, NT)] = narrow<T>(out * inverse);
    }
    quad_sync(quad);
  }
}

}  // namespace kandinsky::cuda
