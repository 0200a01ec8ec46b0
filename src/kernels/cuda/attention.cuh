#pragma once
#include "kernels/cuda/device_math.cuh"
#include "kernels/cuda/product.cuh"

namespace kandinsky::cuda {

// A task of attention is one head of a group of rows, by a team of four warps. The text's keys, shared by rows of one
// prompt, go through the tensor cores; the image's keys, a handful of each row's own, through ordinary arithmetic. All
// sums are taken in an order that does not depend on the size of the group or on the rows beside.
constexpr int team_warps = 4;
constexpr int team_threads = team_warps * 32;
constexpr int teams = 2;           // of a block
constexpr int groups_a_head = 4;   // of the rows of a pass
constexpr int most_text = 128;
constexpr int most_image_keys = 128;  // an 11 x 11 neighbourhood that wraps around
constexpr int text_pitch = most_text + 8;  // of a row in shared memory: no two rows in one bank

template <int NT>
constexpr int group_rows = NT * 8 / groups_a_head;

// Shared memory of a team.
template <int NT, typename T, int HeadSize>
struct TeamScratch {
  static constexpr int rows = group_rows<NT>;
  // How many sums of an image's values there are at the end for each row: the warps' own where there are fewer rows.
  static constexpr int value_parts = rows >= team_warps ? 1 : team_warps;
  float scores[rows][text_pitch];
  float image[rows][most_image_keys];
  float values[rows][value_parts][HeadSize];
  float inverse[rows];
  alignas(16) T weights[rows][text_pitch];
};

// Among the warps of a team.
__device__ __forceinline__ void team_sync(int team) {
  asm volatile("bar.sync %0, %1;" ::"r"(2 + team), "n"(team_threads) : "memory");
}

__device__ __forceinline__ uint4 load_uncached(const void* p) { return __ldcg(static_cast<const uint4*>(p)); }

__device__ __forceinline__ float2 widen_pair(std::uint32_t bits, __half) {
  return __half22float2(*reinterpret_cast<const __half2*>(&bits));
}
__device__ __forceinline__ float2 widen_pair(std::uint32_t bits, __nv_bfloat16) {
  return __bfloat1622float2(*reinterpret_cast<const __nv_bfloat162*>(&bits));
}

// First element of the key at a raster index, within a slot.
__device__ __forceinline__ std::size_t cache_offset(const Model& m, const Layer& layer, int head, int raster) {
  int group = 0, place = raster % layer.capacity;
  if (layer.mask == Mask::column) {
    group = raster % m.grid;
    place = raster / m.grid;
  }
  return layer.cache + (std::size_t(head * layer.groups + group) * layer.capacity + place) * m.head_size;
}

// Where number d of text value t of a head stands: transposed, as the second product reads it.
__device__ __forceinline__ std::size_t text_value_offset(const Model& m, int t, int d) {
  return std::size_t(d) * m.text_length + t;
}

// A text's keys and values of a head as the tensor cores take them. The contraction is over any order of dimensions or
// keys as long as both sides use it: a lane takes 16 bytes that lie together.
template <typename T, int HeadSize>
struct TextFragments {
  static constexpr int key_blocks = most_text / 16 / team_warps;  // of 16 keys, of a warp
  static constexpr int key_steps = HeadSize / 32;                 // of 32 dimensions
  static constexpr int value_tiles = HeadSize / 8 / team_warps;   // of 8 dimensions, of a warp
  static constexpr int value_steps = most_text / 32;              // of 32 keys
  uint4 keys[key_blocks][2][key_steps];
  uint4 values[value_tiles][value_steps];

  __device__ __forceinline__ void load_keys(const Model& m, const void* text_keys, int index, int head) {
    const int warp = threadIdx.x / 32 % team_warps, lane = threadIdx.x % 32;
    const T* base = static_cast<const T*>(text_keys) + std::size_t(index * m.heads + head) * m.text_length * m.head_size;
#pragma unroll
    for (int block = 0; block < key_blocks; ++block)
#pragma unroll
      for (int tile = 0; tile < 2; ++tile)
#pragma unroll
        for (int step = 0; step < key_steps; ++step) {
          const int key = (block * team_warps + warp) * 16 + tile * 8 + lane / 4, d = step * 32 + lane % 4 * 8;
          keys[block][tile][step] =
              key < m.text_length && d < m.head_size ? load_uncached(base + std::size_t(key) * m.head_size + d) : uint4{};
        }
  }

  __device__ __forceinline__ void load_values(const Model& m, const void* text_values, int index, int head) {
    const int warp = threadIdx.x / 32 % team_warps, lane = threadIdx.x % 32;
    const T* base = static_cast<const T*>(text_values) + std::size_t(index * m.heads + head) * m.text_length * m.head_size;
#pragma unroll
    for (int tile = 0; tile < value_tiles; ++tile)
#pragma unroll
      for (int step = 0; step < value_steps; ++step) {
        const int d = (warp * value_tiles + tile) * 8 + lane / 4, key = step * 32 + lane % 4 * 8;
        values[tile][step] =
            key < m.text_length && d < m.head_size ? load_uncached(base + text_value_offset(m, key, d)) : uint4{};
      }
  }
};

// Rows [16] x 32 of the first operand: two products' worth.
template <typename T>
__device__ __forceinline__ void multiply_32(float (&acc)[4], const uint4& low, const uint4& high, const uint4& b, T number) {
  multiply_tile(acc, uint4{low.x, high.x, low.y, high.y}, uint2{b.x, b.y}, number);
  multiply_tile(acc, uint4{low.z, high.z, low.w, high.w}, uint2{b.z, b.w}, number);
}

// What a row sees of its own image.
template <typename T>
struct ImageKeys {
  const T* keys;
  const T* values;
  const int* places;  // nullptr: keys are consecutive
  int count;

  __device__ __forceinline__ ImageKeys(const Model& m, const Buffers& b, const Row& row, const Layer& layer, int head)
      : keys(nullptr), values(nullptr), places(nullptr), count(0) {
    if (row.position < 0 || row.slot < 0) return;
    int group = 0;
    if (layer.mask == Mask::column) {
      group = row.position % m.grid;
      count = row.position / m.grid + 1;
    } else if (layer.mask == Mask::row) {
      count = min(row.position, m.grid) + 1;
    } else {
      places = m.neighbours + std::size_t(row.position) * m.most_neighbours;
      count = m.neighbour_counts[row.position];
    }
    const std::size_t base = row.slot * m.slot_elements + layer.cache +
                             std::size_t(head * layer.groups + group) * layer.capacity * m.head_size;
    keys = static_cast<const T*>(b.keys) + base;
    values = static_cast<const T*>(b.values) + base;
  }
  __device__ __forceinline__ std::size_t at(int j, int head_size) const {
    return std::size_t(places == nullptr ? j : places[j]) * head_size;
  }
};

template <int NT, typename T, int HeadSize>
class Attention {
  using Scratch = TeamScratch<NT, T, HeadSize>;
  static constexpr int rows_here = group_rows<NT>;

 public:
  static constexpr std::size_t scratch_bytes = teams * sizeof(Scratch);

  // Before the barrier behind which queries, keys and values of the layer are complete: asks for the text of the first
  // task, unless this pass makes it.
  __device__ __forceinline__ Attention(const Model& m, const Buffers& b, const Row* rows, char* scratch, int index)
      : m_(m), b_(b), rows_(rows), team_(threadIdx.x / team_threads),
        scratch_(reinterpret_cast<Scratch*>(scratch)[team_]), task_(int(blockIdx.x) + int(gridDim.x) * team_) {
    if (task_ >= m_.heads * groups_a_head) return;
    const int first = task_ / m_.heads * rows_here;
    const Row* row = nullptr;
    for (int r = rows_here - 1; r >= 0; --r)
      if (rows_[first + r].position >= 0) row = &rows_[first + r];
    if (row == nullptr || row->slot < 0) return;
    prepared_ = row->text_keys;
    load_text(row->text_keys, row->text_values, index, task_ % m_.heads);
  }

  // context = softmax(q k) v of every row and head.
  __device__ __forceinline__ void finish(int index, const Layer& layer) {
    for (; task_ < m_.heads * groups_a_head; task_ += int(gridDim.x) * teams) {
      attend(index, layer, task_ % m_.heads, task_ / m_.heads * rows_here);
      prepared_ = nullptr;
    }
  }

 private:
  __device__ __forceinline__ void load_text(const void* keys, const void* values, int index, int head) {
    text_.load_keys(m_, keys, index, head);
    text_.load_values(m_, values, index, head);
  }

  __device__ __forceinline__ int text_count(const Row& row) const { return row.slot < 0 ? row.position + 1 : m_.text_length; }

  __device__ __forceinline__ void attend(int index, const Layer& layer, int head, int first) {
    const Row* rows = rows_ + first;
    const int warp = threadIdx.x / 32 % team_warps, lane = threadIdx.x % 32;
    unsigned active = 0;
#pragma unroll
    for (int r = 0; r < rows_here; ++r) active |= rows[r].position >= 0 ? 1u << r : 0u;
    if (active == 0) return;

    load_queries(head, first);
    score_image(layer, head, first, active, warp, lane);
    for_prompts(rows, active, [&](const Row& of, unsigned mine) {
      if (prepared_ != of.text_keys) load_text(of.text_keys, of.text_values, index, head);
      prepared_ = of.text_keys;
      score_text(mine, warp, lane);
    });
    team_sync(team_);
    for (int r = warp; r < rows_here; r += team_warps)
      if (active >> r & 1) softmax(rows[r], r, layer, head, lane);
    team_sync(team_);

    float acc[value_tiles][4] = {};
    for_prompts(rows, active, [&](const Row& of, unsigned mine) {
      if (prepared_ != of.text_keys) load_text(of.text_keys, of.text_values, index, head);
      prepared_ = of.text_keys;
      gather_text(mine, lane, acc);
    });
    gather_image(layer, head, first, active, warp, lane);
    team_sync(team_);
    T* context = static_cast<T*>(b_.context);
#pragma unroll
    for (int tile = 0; tile < value_tiles; ++tile)
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const int r = lane / 4 + half * 8, d = (warp * value_tiles + tile) * 8 + lane % 4 * 2;
        if (r >= rows_here || !(active >> r & 1) || d >= m_.head_size) continue;
        float image[2];
#pragma unroll
        for (int i = 0; i < 2; ++i) {
          const auto& parts = scratch_.values[r];
          if constexpr (Scratch::value_parts == 1) image[i] = parts[0][d + i];
          else image[i] = (parts[0][d + i] + parts[1][d + i]) + (parts[2][d + i] + parts[3][d + i]);
        }
        const float inverse = scratch_.inverse[r];
        store_pair(context + activation_offset(head * m_.head_size + d, first + r, NT),
                   (acc[tile][half * 2] + image[0]) * inverse, (acc[tile][half * 2 + 1] + image[1]) * inverse);
      }
    team_sync(team_);
  }

  // visit(a row of the prompt, which rows are of it) for every prompt among the rows.
  template <typename Visit>
  __device__ __forceinline__ void for_prompts(const Row* rows, unsigned active, const Visit& visit) const {
    while (active != 0) {
      const Row& of = rows[__ffs(int(active)) - 1];
      unsigned mine = 0;
#pragma unroll
      for (int r = 0; r < rows_here; ++r)
        if ((active >> r & 1) && rows[r].text_keys == of.text_keys) mine |= 1u << r;
      visit(of, mine);
      active &= ~mine;
    }
  }

  __device__ __forceinline__ const T* query(int row, int head) const {
    return static_cast<const T*>(b_.query) + std::size_t(row) * m_.hidden + head * m_.head_size;
  }

  __device__ __forceinline__ void load_queries(int head, int first) {
    const int lane = threadIdx.x % 32;
#pragma unroll
    for (int half = 0; half < 2; ++half)
#pragma unroll
      for (int step = 0; step < key_steps; ++step) {
        const int r = lane / 4 + half * 8, d = step * 32 + lane % 4 * 8;
        queries_[half][step] =
            r < rows_here && d < m_.head_size ? load_uncached(query(first + r, head) + d) : uint4{};
      }
  }

  __device__ __forceinline__ void score_text(unsigned mine, int warp, int lane) {
#pragma unroll
    for (int block = 0; block < key_blocks; ++block)
#pragma unroll
      for (int tile = 0; tile < 2; ++tile) {
        float acc[4] = {};
#pragma unroll
        for (int step = 0; step < key_steps; ++step)
          multiply_32(acc, queries_[0][step], queries_[1][step], text_.keys[block][tile][step], T{});
        const int key = (block * team_warps + warp) * 16 + tile * 8 + lane % 4 * 2;
#pragma unroll
        for (int half = 0; half < 2; ++half)
          if (const int r = lane / 4 + half * 8; r < rows_here && (mine >> r & 1))
            *reinterpret_cast<float2*>(&scratch_.scores[r][key]) = {acc[half * 2], acc[half * 2 + 1]};
      }
  }

  // Scores: head_size / 16 lanes a key, 16 dimensions each.
  __device__ __forceinline__ void score_image(const Layer& layer, int head, int first, unsigned active, int warp, int lane) {
    const int per_key = m_.head_size / 16, share = lane % per_key, keys_a_warp = 32 / per_key;
    for (int r = 0; r < rows_here; ++r) {
      if (!(active >> r & 1)) continue;
      const ImageKeys<T> image(m_, b_, rows_[first + r], layer, head);
      const T* q = query(first + r, head) + share * 16;
      const uint4 q_low = load_uncached(q), q_high = load_uncached(q + 8);
      const std::uint32_t q_words[8] = {q_low.x, q_low.y, q_low.z, q_low.w, q_high.x, q_high.y, q_high.z, q_high.w};
#pragma unroll 2
      for (int j0 = warp * keys_a_warp; j0 < image.count; j0 += team_warps * keys_a_warp) {
        const int j = j0 + lane / per_key;
        float sum = 0;
        if (j < image.count) {
          const T* key = image.keys + image.at(j, m_.head_size) + share * 16;
          const uint4 low = load_uncached(key), high = load_uncached(key + 8);
          const std::uint32_t words[8] = {low.x, low.y, low.z, low.w, high.x, high.y, high.z, high.w};
#pragma unroll
          for (int d = 0; d < 8; ++d) {
            const float2 a = widen_pair(q_words[d], T{}), k = widen_pair(words[d], T{});
            sum = fmaf(a.x, k.x, sum);
            sum = fmaf(a.y, k.y, sum);
          }
        }
        for (int offset = per_key / 2; offset > 0; offset /= 2) sum += __shfl_xor_sync(0xFFFFFFFFu, sum, offset);
        if (share == 0 && j < image.count) scratch_.image[r][j] = sum;
      }
    }
  }

  // Scores to weights, by a warp.
  __device__ __forceinline__ void softmax(const Row& row, int r, const Layer& layer, int head, int lane) {
    const int texts = text_count(row), images = ImageKeys<T>(m_, b_, row, layer, head).count;
    constexpr int text_each = most_text / 32, image_each = most_image_keys / 32;
    float text[text_each], image[image_each], largest = -INFINITY, sum = 0;
#pragma unroll
    for (int i = 0; i < text_each; ++i) {
      text[i] = lane + 32 * i < texts ? scratch_.scores[r][lane + 32 * i] : -INFINITY;
      largest = fmaxf(largest, text[i]);
    }
#pragma unroll
    for (int i = 0; i < image_each; ++i) {
      image[i] = lane + 32 * i < images ? scratch_.image[r][lane + 32 * i] : -INFINITY;
      largest = fmaxf(largest, image[i]);
    }
#pragma unroll
    for (int offset = 16; offset > 0; offset /= 2) largest = fmaxf(largest, __shfl_xor_sync(0xFFFFFFFFu, largest, offset));
#pragma unroll
    for (int i = 0; i < text_each; ++i) {
      text[i] = __expf(text[i] - largest);
      sum += text[i];
      scratch_.weights[r][lane + 32 * i] = narrow<T>(text[i]);
    }
#pragma unroll
    for (int i = 0; i < image_each; ++i) {
      image[i] = __expf(image[i] - largest);
      sum += image[i];
      scratch_.image[r][lane + 32 * i] = image[i];
    }
#pragma unroll
    for (int offset = 16; offset > 0; offset /= 2) sum += __shfl_xor_sync(0xFFFFFFFFu, sum, offset);
    if (lane == 0) scratch_.inverse[r] = 1.0f / sum;
  }

  static constexpr int key_blocks = TextFragments<T, HeadSize>::key_blocks;
  static constexpr int key_steps = TextFragments<T, HeadSize>::key_steps;
  static constexpr int value_tiles = TextFragments<T, HeadSize>::value_tiles;
  static constexpr int value_steps = TextFragments<T, HeadSize>::value_steps;

  __device__ __forceinline__ void gather_text(unsigned mine, int lane, float (&acc)[value_tiles][4]) {
#pragma unroll
    for (int step = 0; step < value_steps; ++step) {
      uint4 weights[2];
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const int r = lane / 4 + half * 8;
        weights[half] = r < rows_here && (mine >> r & 1)
                            ? *reinterpret_cast<const uint4*>(&scratch_.weights[r][step * 32 + lane % 4 * 8])
                            : uint4{};
      }
#pragma unroll
      for (int tile = 0; tile < value_tiles; ++tile) multiply_32(acc[tile], weights[0], weights[1], text_.values[tile][step], T{});
    }
  }

  // Values: head_size / 8 lanes a key, 8 dimensions each; four sums a row, of every fourth set of keys.
  __device__ __forceinline__ void gather_image(const Layer& layer, int head, int first, unsigned active, int warp, int lane) {
    const int value_lanes = m_.head_size / 8, dims = lane % value_lanes * 8, keys_a_warp = 32 / value_lanes;
    constexpr int parts = 4;
    constexpr int own = Scratch::value_parts == 1 ? parts : 1;
    for (int r = own == parts ? warp : 0; r < rows_here; r += own == parts ? team_warps : 1) {
      if (!(active >> r & 1)) continue;
      const ImageKeys<T> image(m_, b_, rows_[first + r], layer, head);
      float acc[own][8] = {};
#pragma unroll 2
      for (int j0 = 0; j0 < image.count; j0 += parts * keys_a_warp)
#pragma unroll
        for (int p = 0; p < own; ++p) {
          const int j = j0 + (own == parts ? p : warp) * keys_a_warp + lane / value_lanes;
          if (j >= image.count) continue;
          const uint4 value = load_uncached(image.values + image.at(j, m_.head_size) + dims);
          const float weight = scratch_.image[r][j];
          const std::uint32_t words[4] = {value.x, value.y, value.z, value.w};
#pragma unroll
          for (int d = 0; d < 4; ++d) {
            const float2 pair = widen_pair(words[d], T{});
            acc[p][2 * d] = fmaf(weight, pair.x, acc[p][2 * d]);
            acc[p][2 * d + 1] = fmaf(weight, pair.y, acc[p][2 * d + 1]);
          }
        }
#pragma unroll
      for (int d = 0; d < 8; ++d) {
#pragma unroll
        for (int p = 0; p < own; ++p)
          for (int offset = value_lanes; offset < 32; offset *= 2) acc[p][d] += __shfl_xor_sync(0xFFFFFFFFu, acc[p][d], offset);
        if (lane < value_lanes) {
          if constexpr (own == parts) scratch_.values[r][0][dims + d] = (acc[0][d] + acc[1][d]) + (acc[2][d] + acc[3][d]);
          else scratch_.values[r][warp][dims + d] = acc[0][d];
        }
      }
    }
  }

  const Model& m_;
  const Buffers& b_;
  const Row* rows_;
  int team_;
  Scratch& scratch_;
  int task_;
  const void* prepared_ = nullptr;  // the text whose fragments are held
  uint4 queries_[2][key_steps];
  TextFragments<T, HeadSize> text_;
};

}  // namespace kandinsky::cuda
