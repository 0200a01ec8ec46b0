#pragma once
#include "kernels/cuda/device_math.cuh"

namespace kandinsky::cuda {

constexpr int parts = 4;  // of a task's sums, each in an order of its own: four warps share a task, or one does all four

__host__ __device__ __forceinline__ int most_image_keys(const Model& m) {
  return m.most_neighbours > m.grid + 1 ? m.most_neighbours : m.grid + 1;
}

// Of a block: the norms' sums, and for every task at work its scores, sums and outputs.
__host__ __device__ __forceinline__ int task_scratch(const Model& m) {
  return m.text_length + most_image_keys(m) + 16 + parts * m.head_size;
}
__host__ __device__ __forceinline__ int scratch_floats(const Model& m) { return 16 + 8 * task_scratch(m); }

// First element of the key at a raster index, within a slot.
__device__ __forceinline__ std::size_t cache_offset(const Model& m, const Layer& layer, int head, int raster) {
  int group = 0, place = raster % layer.capacity;
  if (layer.mask == Mask::column) {
    group = raster % m.grid;
    place = raster / m.grid;
  }
  return layer.cache + (std::size_t(head * layer.groups + group) * layer.capacity + place) * m.head_size;
}

// Among the warps of a task.
template <int Warps>
__device__ __forceinline__ void task_sync(int team) {
  if constexpr (Warps == 1) __syncwarp();
  else asm volatile("bar.sync %0, %1;" ::"r"(2 + team), "n"(Warps * 32) : "memory");
}

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

// One head of one row by a team of warps. Sums are taken in four parts whatever the number of warps, so that a row's
// numbers do not depend on how many rows there are.
template <int NT, typename T, int Warps>
__device__ __forceinline__ void attend_task(const Model& m, const Buffers& b, const Row& row, int n, int head, int index,
                                            const Layer& layer, int team, float* scores) {
  constexpr int own = parts / Warps;
  const int warp = threadIdx.x / 32 % Warps, lane = threadIdx.x % 32;
  const int size = m.head_size;
  float* sums = scores + m.text_length + most_image_keys(m);
  float* outs = sums + 16;
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
  const int per_key = size / 16, share = lane % per_key;
  float q[16];
  const float* query = b.query + std::size_t(n) * m.hidden + head * size + share * 16;
#pragma unroll
  for (int d = 0; d < 16; d += 4) {
    const float4 four = __ldcg(reinterpret_cast<const float4*>(query + d));
    q[d] = four.x;
    q[d + 1] = four.y;
    q[d + 2] = four.z;
    q[d + 3] = four.w;
  }
  const int keys_a_warp = 32 / per_key;
  float largest = -INFINITY;
#pragma unroll 6
  for (int first = warp * keys_a_warp; first < total; first += Warps * keys_a_warp) {
    const int j = first + lane / per_key;
    float sum = 0;
    if (j < total) {
      const T* key = keys.at(text_keys, image_keys, j) + share * 16;
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
      if (share == 0) scores[j] = sum;
      largest = fmaxf(largest, sum);
    }
  }
#pragma unroll
  for (int offset = 16; offset > 0; offset /= 2) largest = fmaxf(largest, __shfl_xor_sync(0xFFFFFFFFu, largest, offset));
  if (lane == 0) sums[warp] = largest;
  task_sync<Warps>(team);
#pragma unroll
  for (int w = 0; w < Warps; ++w) largest = fmaxf(largest, sums[w]);
  float part_sum[own];
#pragma unroll
  for (int p = 0; p < own; ++p) {
    float sum = 0;
    for (int j = (warp * own + p) * 32 + lane; j < total; j += parts * 32) {
      const float weight = __expf(scores[j] - largest);
      scores[j] = weight;
      sum += weight;
    }
    part_sum[p] = sum;
  }
#pragma unroll
  for (int p = 0; p < own; ++p) {
#pragma unroll
    for (int offset = 16; offset > 0; offset /= 2) part_sum[p] += __shfl_xor_sync(0xFFFFFFFFu, part_sum[p], offset);
    if (lane == 0) sums[4 + warp * own + p] = part_sum[p];
  }
  task_sync<Warps>(team);
  const float inverse = 1.0f / ((sums[4] + sums[5]) + (sums[6] + sums[7]));

  // Values: size / 8 lanes a key, 8 dimensions each.
  const int value_lanes = size / 8, dims = lane % value_lanes * 8;
  const int stride = parts * 32 / value_lanes;
  float acc[own][8] = {};
#pragma unroll 4
  for (int first = 0; first < total; first += stride) {
#pragma unroll
    for (int p = 0; p < own; ++p) {
      const int j = first + ((warp * own + p) * 32 + lane) / value_lanes;
      if (j >= total) continue;
      const uint4 value = load_streaming(keys.at(text_values, image_values, j) + dims);
      const float weight = scores[j];
      const std::uint32_t words[4] = {value.x, value.y, value.z, value.w};
#pragma unroll
      for (int d = 0; d < 4; ++d) {
        const float2 pair = widen_pair(words[d], T{});
        acc[p][2 * d] = fmaf(weight, pair.x, acc[p][2 * d]);
        acc[p][2 * d + 1] = fmaf(weight, pair.y, acc[p][2 * d + 1]);
      }
    }
  }
#pragma unroll
  for (int p = 0; p < own; ++p) {
#pragma unroll
    for (int d = 0; d < 8; ++d)
      for (int offset = value_lanes; offset < 32; offset *= 2) acc[p][d] += __shfl_xor_sync(0xFFFFFFFFu, acc[p][d], offset);
    if (lane < value_lanes)
#pragma unroll
      for (int d = 0; d < 8; ++d) outs[(warp * own + p) * size + dims + d] = acc[p][d];
  }
  task_sync<Warps>(team);
  T* context = static_cast<T*>(b.context);
  for (int d = threadIdx.x % (Warps * 32); d < size; d += Warps * 32) {
    const float out = (outs[d] + outs[size + d]) + (outs[2 * size + d] + outs[3 * size + d]);
    context[activation_offset(head * size + d, n, NT)] = narrow<T>(out * inverse);
  }
  task_sync<Warps>(team);
}

// context = softmax(q k) v for every row and head.
template <int NT, typename T, int Warps>
__device__ __forceinline__ void attend_by(const Model& m, const Buffers& b, const Row* rows, int index, const Layer& layer,
                                          float* scratch) {
  const int teams = 8 / Warps, team = threadIdx.x / (Warps * 32);
  float* scores = scratch + 16 + team * task_scratch(m);
  const int tasks = NT * 8 * m.heads;
  for (int task = blockIdx.x + gridDim.x * team; task < tasks; task += teams * gridDim.x) {
    const int n = task / m.heads;
    if (rows[n].position >= 0) attend_task<NT, T, Warps>(m, b, rows[n], n, task % m.heads, index, layer, team, scores);
  }
}

template <int NT, typename T>
__device__ __forceinline__ void attend(const Model& m, const Buffers& b, const Row* rows, int index, const Layer& layer,
                                       float* scratch) {
  if (NT == 1) attend_by<NT, T, 4>(m, b, rows, index, layer, scratch);
  else attend_by<NT, T, 1>(m, b, rows, index, layer, scratch);
}

}  // namespace kandinsky::cuda
