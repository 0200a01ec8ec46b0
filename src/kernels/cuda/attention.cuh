#pragma once
#include <type_traits>

#include "kernels/cuda/device_math.cuh"
#include "kernels/cuda/product.cuh"

namespace kandinsky::cuda {

// A task of attention is one head of a group of rows, by a team of four warps. The text's keys, shared by rows of one
// prompt, go through the tensor cores; the image's keys, a handful of each row's own, through ordinary arithmetic. All
// sums are taken in an order that does not depend on the size of the group or on the rows beside.
constexpr int team_warps = 4;
constexpr int team_threads = team_warps * 32;
constexpr int teams = 2;          // of a block
constexpr int groups_a_head = 4;  // of the rows of a pass
constexpr int most_text = 128;
constexpr int held_image_keys = 64;
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

  __device__ __forceinline__ void load_keys(const Model& m, const void* text_keys, int index, int head, int thread) {
    const int warp = thread / 32 % team_warps, lane = thread % 32;
    const T* base =
        static_cast<const T*>(text_keys) + std::size_t(index * m.heads + head) * m.text_length * m.head_size;
#pragma unroll
    for (int block = 0; block < key_blocks; ++block)
#pragma unroll
      for (int tile = 0; tile < 2; ++tile)
#pragma unroll
        for (int step = 0; step < key_steps; ++step) {
          const int key = (block * team_warps + warp) * 16 + tile * 8 + lane / 4, d = step * 32 + lane % 4 * 8;
          keys[block][tile][step] = key < m.text_length && d < m.head_size
                                        ? load_uncached(base + std::size_t(key) * m.head_size + d)
                                        : uint4{};
        }
  }

  __device__ __forceinline__ void load_values(const Model& m, const void* text_values, int index, int head,
                                              int thread) {
    const int warp = thread / 32 % team_warps, lane = thread % 32;
    const T* base =
        static_cast<const T*>(text_values) + std::size_t(index * m.heads + head) * m.text_length * m.head_size;
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
__device__ __forceinline__ void multiply_32(float (&acc)[4], const uint4& low, const uint4& high, const uint4& b,
                                            T number) {
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
  int newest;  // place of the row's own key

  __device__ __forceinline__ ImageKeys(const Model& m, const Buffers& b, const Row& row, const Layer& layer, int head)
      : keys(nullptr), values(nullptr), places(nullptr), count(0), newest(row.position % layer.capacity) {
    if (row.position < 0 || row.slot < 0) return;
    int group = 0;
    if (layer.mask == Mask::column) {
      group = row.position % m.grid;
      newest = row.position / m.grid;
      count = newest + 1;
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
  __device__ __forceinline__ int place(int j) const { return places == nullptr ? j : places[j]; }
};

// Which of a row's image keys and values a lane takes: head_size / 16 lanes a key, head_size / 8 lanes a value.
struct LaneShare {
  int key_lanes, key_share, keys_a_warp, value_lanes, dims, values_a_warp;
  __device__ __forceinline__ LaneShare(int head_size, int thread) {
    const int lane = thread % 32;
    key_lanes = head_size / 16;
    key_share = lane % key_lanes * 16;
    keys_a_warp = 32 / key_lanes;
    value_lanes = head_size / 8;
    dims = lane % value_lanes * 8;
    values_a_warp = 32 / value_lanes;
  }
};

template <typename T>
__device__ __forceinline__ float dot_16(const uint4 (&q)[2], const uint4& low, const uint4& high) {
  const std::uint32_t q_words[8] = {q[0].x, q[0].y, q[0].z, q[0].w, q[1].x, q[1].y, q[1].z, q[1].w};
  const std::uint32_t words[8] = {low.x, low.y, low.z, low.w, high.x, high.y, high.z, high.w};
  float sum = 0;
#pragma unroll
  for (int d = 0; d < 8; ++d) {
    const float2 a = widen_pair(q_words[d], T{}), k = widen_pair(words[d], T{});
    sum = fmaf(a.x, k.x, sum);
    sum = fmaf(a.y, k.y, sum);
  }
  return sum;
}

template <typename T>
__device__ __forceinline__ void add_weighted(float (&acc)[8], float weight, const uint4& value) {
  const std::uint32_t words[4] = {value.x, value.y, value.z, value.w};
#pragma unroll
  for (int d = 0; d < 4; ++d) {
    const float2 pair = widen_pair(words[d], T{});
    acc[2 * d] = fmaf(weight, pair.x, acc[2 * d]);
    acc[2 * d + 1] = fmaf(weight, pair.y, acc[2 * d + 1]);
  }
}

// The first image keys and values of one row, as a rule all of them, held in the registers of a team. All but the row's
// own are there before the layer begins.
template <typename T, int HeadSize>
struct ImageFragments {
  static constexpr int key_passes = held_image_keys * (HeadSize / 16) / team_threads;
  static constexpr int value_passes = held_image_keys * (HeadSize / 8) / team_threads;
  uint4 keys[key_passes][2];
  uint4 values[value_passes];
  unsigned newest_key, newest_value;  // a bit a pass: the lane's is the row's own

  __device__ __forceinline__ void load_old(const ImageKeys<T>& image, const LaneShare& share, int head_size,
                                           int thread) {
    const int warp = thread / 32 % team_warps, lane = thread % 32;
    newest_key = newest_value = 0;
#pragma unroll
    for (int i = 0; i < key_passes; ++i) {
      const int j = (i * team_warps + warp) * share.keys_a_warp + lane / share.key_lanes;
      keys[i][0] = keys[i][1] = uint4{};
      if (j >= image.count) continue;
      const int place = image.place(j);
      if (place == image.newest) {
        newest_key |= 1u << i;
      } else {
        const T* key = image.keys + std::size_t(place) * head_size + share.key_share;
        keys[i][0] = load_uncached(key);
        keys[i][1] = load_uncached(key + 8);
      }
    }
#pragma unroll
    for (int i = 0; i < value_passes; ++i) {
      const int j = (i * team_warps + warp) * share.values_a_warp + lane / share.value_lanes;
      values[i] = uint4{};
      if (j >= image.count) continue;
      const int place = image.place(j);
      if (place == image.newest)
        newest_value |= 1u << i;
      else
        values[i] = load_uncached(image.values + std::size_t(place) * head_size + share.dims);
    }
  }

  __device__ __forceinline__ void load_newest(const ImageKeys<T>& image, const LaneShare& share, int head_size) {
    const T* key = image.keys + std::size_t(image.newest) * head_size + share.key_share;
    const T* value = image.values + std::size_t(image.newest) * head_size + share.dims;
#pragma unroll
    for (int i = 0; i < key_passes; ++i)
      if (newest_key >> i & 1) {
        keys[i][0] = load_uncached(key);
        keys[i][1] = load_uncached(key + 8);
      }
#pragma unroll
    for (int i = 0; i < value_passes; ++i)
      if (newest_value >> i & 1) values[i] = load_uncached(value);
  }
};

template <int NT, typename T, int HeadSize>
class Attention {
  using Scratch = TeamScratch<NT, T, HeadSize>;
  static constexpr int rows_here = group_rows<NT>;
  // Where registers suffice.
  static constexpr bool holds_image = rows_here < team_warps && HeadSize <= 64;
  static constexpr bool holds_values = HeadSize <= 64;
  struct None {};
  using Image = std::conditional_t<holds_image, ImageFragments<T, HeadSize>, None>;

 public:
  static constexpr std::size_t scratch_bytes = teams * sizeof(Scratch);

  // Before the barrier behind which queries, keys and values of the layer are complete: asks for what the first task
  // reads of text, unless this pass makes it, and of the image.
  __device__ __forceinline__ Attention(const Model& m, const Buffers& b, const Row* rows, char* scratch, int index,
                                       const Layer& layer)
      : m_(m),
        b_(b),
        rows_(rows),
        layer_(layer),
        thread_(fresh_thread()),
        share_(m.head_size, thread_),
        team_(thread_ / team_threads),
        scratch_(reinterpret_cast<Scratch*>(scratch)[team_]),
        task_(int(blockIdx.x) + int(gridDim.x) * team_) {
    if (task_ >= m_.heads * groups_a_head) return;
    const int first = task_ / m_.heads * rows_here, head = task_ % m_.heads;
    const Row* row = nullptr;
    for (int r = rows_here - 1; r >= 0; --r)
      if (rows_[first + r].position >= 0) row = &rows_[first + r];
    if (row == nullptr || row->slot < 0) return;
    prepared_ = row->text_keys;
    load_text(row->text_keys, row->text_values, index, head);
    if constexpr (holds_image) {
      held_ = static_cast<int>(row - (rows_ + first));
      image_.load_old(ImageKeys<T>(m_, b_, *row, layer_, head), share_, m_.head_size, thread_);
    }
  }

  // context = softmax(q k) v of every row and head.
  __device__ __forceinline__ void finish(int index) {
    for (; task_ < m_.heads * groups_a_head; task_ += int(gridDim.x) * teams) {
      attend(index, task_ % m_.heads, task_ / m_.heads * rows_here);
      prepared_ = nullptr;
      held_ = -1;
    }
  }

 private:
  __device__ __forceinline__ void load_text(const void* keys, const void* values, int index, int head) {
    text_.load_keys(m_, keys, index, head, thread_);
    if constexpr (holds_values) text_.load_values(m_, values, index, head, thread_);
  }

  __device__ __forceinline__ int text_count(const Row& row) const {
    return row.slot < 0 ? row.position + 1 : m_.text_length;
  }

  __device__ __forceinline__ void attend(int index, int head, int first) {
    const Row* rows = rows_ + first;
    const int thread = thread_;
    const int warp = thread / 32 % team_warps, lane = thread % 32;
    unsigned active = 0;
#pragma unroll
    for (int r = 0; r < rows_here; ++r) active |= rows[r].position >= 0 ? 1u << r : 0u;
    if (active == 0) return;

    load_queries(head, first);
    if constexpr (holds_image)
      if (held_ >= 0) image_.load_newest(ImageKeys<T>(m_, b_, rows[held_], layer_, head), share_, m_.head_size);
    score_image(head, first, active, warp, lane);
    for_prompts(rows, active, [&](const Row& of, unsigned mine) {
      if (prepared_ != of.text_keys) load_text(of.text_keys, of.text_values, index, head);
      prepared_ = of.text_keys;
      score_text(mine, warp, lane);
    });
    team_sync(team_);
    for (int r = warp; r < rows_here; r += team_warps)
      if (active >> r & 1) softmax(rows[r], r, head, lane);
    team_sync(team_);

    float acc[value_tiles][4] = {};
    for_prompts(rows, active, [&](const Row& of, unsigned mine) {
      if constexpr (holds_values) {
        if (prepared_ != of.text_keys) load_text(of.text_keys, of.text_values, index, head);
        prepared_ = of.text_keys;
      } else {
        text_.load_values(m_, of.text_values, index, head, thread_);
      }
      gather_text(mine, lane, acc);
    });
    gather_image(head, first, active, warp, lane);
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
          if constexpr (Scratch::value_parts == 1)
            image[i] = parts[0][d + i];
          else
            image[i] = (parts[0][d + i] + parts[1][d + i]) + (parts[2][d + i] + parts[3][d + i]);
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
    const int lane = thread_ % 32;
#pragma unroll
    for (int half = 0; half < 2; ++half)
#pragma unroll
      for (int step = 0; step < key_steps; ++step) {
        const int r = lane / 4 + half * 8, d = step * 32 + lane % 4 * 8;
        queries_[half][step] = r < rows_here && d < m_.head_size ? load_uncached(query(first + r, head) + d) : uint4{};
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

  // A warp a row where there are as many, else all warps a row.
  static constexpr bool warp_a_row = rows_here >= team_warps;

  __device__ __forceinline__ void score_image(int head, int first, unsigned active, int warp, int lane) {
    for (int r = warp_a_row ? warp : 0; r < rows_here; r += warp_a_row ? team_warps : 1) {
      if (!(active >> r & 1)) continue;
      const ImageKeys<T> image(m_, b_, rows_[first + r], layer_, head);
      const T* q = query(first + r, head) + share_.key_share;
      const uint4 queries[2] = {load_uncached(q), load_uncached(q + 8)};
      const auto score = [&](int j, const uint4& low, const uint4& high) {
        float sum = dot_16<T>(queries, low, high);
        for (int offset = share_.key_lanes / 2; offset > 0; offset /= 2)
          sum += __shfl_xor_sync(0xFFFFFFFFu, sum, offset);
        if (share_.key_share == 0 && j < image.count) scratch_.image[r][j] = sum;
      };
      constexpr int together = warp_a_row ? 5 : 2;  // a row's 33 keys at once, for heads of 64
      const int step = share_.keys_a_warp * (warp_a_row ? 1 : team_warps);
      int j0 = warp_a_row ? 0 : warp * share_.keys_a_warp;
      if constexpr (holds_image) {
        if (r == held_) {
#pragma unroll
          for (int i = 0; i < Image::key_passes; ++i, j0 += step)
            score(j0 + lane / share_.key_lanes, image_.keys[i][0], image_.keys[i][1]);
        }
      }
      for (; j0 < image.count; j0 += together * step) {
        uint4 keys[together][2];
#pragma unroll
        for (int i = 0; i < together; ++i) {
          const int j = j0 + i * step + lane / share_.key_lanes;
          keys[i][0] = keys[i][1] = uint4{};
          if (j >= image.count) continue;
          const T* key = image.keys + std::size_t(image.place(j)) * m_.head_size + share_.key_share;
          keys[i][0] = load_uncached(key);
          keys[i][1] = load_uncached(key + 8);
        }
#pragma unroll
        for (int i = 0; i < together; ++i) score(j0 + i * step + lane / share_.key_lanes, keys[i][0], keys[i][1]);
      }
    }
  }

  // Scores to weights, by a warp.
  __device__ __forceinline__ void softmax(const Row& row, int r, int head, int lane) {
    const int texts = text_count(row), images = ImageKeys<T>(m_, b_, row, layer_, head).count;
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
    for (int offset = 16; offset > 0; offset /= 2)
      largest = fmaxf(largest, __shfl_xor_sync(0xFFFFFFFFu, largest, offset));
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
      for (int tile = 0; tile < value_tiles; ++tile)
        multiply_32(acc[tile], weights[0], weights[1], text_.values[tile][step], T{});
    }
  }

  // Four sums a row, of every fourth set of keys: a warp's own, or a sum of each warp.
  __device__ __forceinline__ void gather_image(int head, int first, unsigned active, int warp, int lane) {
    constexpr int parts = team_warps;
    constexpr int own = warp_a_row ? parts : 1;
    const int keys_a_warp = share_.values_a_warp;
    for (int r = warp_a_row ? warp : 0; r < rows_here; r += warp_a_row ? team_warps : 1) {
      if (!(active >> r & 1)) continue;
      const ImageKeys<T> image(m_, b_, rows_[first + r], layer_, head);
      float acc[own][8] = {};
      int j0 = 0;
      if constexpr (holds_image) {
        if (r == held_) {
#pragma unroll
          for (int i = 0; i < Image::value_passes; ++i, j0 += parts * keys_a_warp)
            if (const int j = j0 + warp * keys_a_warp + lane / share_.value_lanes; j < most_image_keys)
              add_weighted<T>(acc[0], scratch_.image[r][j], image_.values[i]);
        }
      }
      constexpr int together = 3;
      for (; j0 < image.count; j0 += together * parts * keys_a_warp) {
        uint4 values[together][own];
        float weights[together][own];
#pragma unroll
        for (int i = 0; i < together; ++i)
#pragma unroll
          for (int p = 0; p < own; ++p) {
            const int j = j0 + (i * parts + (own == parts ? p : warp)) * keys_a_warp + lane / share_.value_lanes;
            values[i][p] = uint4{};
            weights[i][p] = 0;
            if (j >= image.count) continue;
            values[i][p] = load_uncached(image.values + std::size_t(image.place(j)) * m_.head_size + share_.dims);
            weights[i][p] = scratch_.image[r][j];
          }
#pragma unroll
        for (int i = 0; i < together; ++i)
#pragma unroll
          for (int p = 0; p < own; ++p) add_weighted<T>(acc[p], weights[i][p], values[i][p]);
      }
#pragma unroll
      for (int d = 0; d < 8; ++d) {
#pragma unroll
        for (int p = 0; p < own; ++p)
          for (int offset = share_.value_lanes; offset < 32; offset *= 2)
            acc[p][d] += __shfl_xor_sync(0xFFFFFFFFu, acc[p][d], offset);
        if (lane < share_.value_lanes) {
          if constexpr (own == parts)
            scratch_.values[r][0][share_.dims + d] = (acc[0][d] + acc[1][d]) + (acc[2][d] + acc[3][d]);
          else
            scratch_.values[r][warp][share_.dims + d] = acc[0][d];
        }
      }
    }
  }

  const Model& m_;
  const Buffers& b_;
  const Row* rows_;
  const Layer& layer_;
  int thread_;
  LaneShare share_;
  int team_;
  Scratch& scratch_;
  int task_;
  const void* prepared_ = nullptr;  // the text whose fragments are held
  int held_ = -1;                   // the row of the group whose image keys and values are held
  uint4 queries_[2][key_steps];
  TextFragments<T, HeadSize> text_;
  Image image_;
};

}  // namespace kandinsky::cuda
