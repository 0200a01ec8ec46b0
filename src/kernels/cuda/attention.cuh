#pragma once
#include <new>
#include <type_traits>

#include "kernels/cuda/async_copy.cuh"
#include "kernels/cuda/block_state.cuh"
#include "kernels/cuda/device_math.cuh"
#include "kernels/cuda/items.cuh"
#include "kernels/cuda/product.cuh"
#include "kernels/cuda/stamped.cuh"

namespace kandinsky::cuda {

// A task of attention is one head of a group of rows, by a team of warps. The text's keys, shared by rows of one
// prompt, go through the tensor cores; the image's keys, a handful of each row's own, through ordinary arithmetic: four
// warps a row where rows are few, a warp a row where they are many. All sums are taken in an order that does not depend
// on the size of the group or on the rows beside.
constexpr int attention_warps = 8;  // of a block
constexpr int attention_threads = attention_warps * 32;
constexpr int row_warps = 4;
constexpr int row_threads = row_warps * 32;
// Two teams where there are tasks for them.
template <int NT>
constexpr int team_warps = NT == 1 ? attention_warps : attention_warps / 2;
constexpr int groups_a_head = 4;  // of the rows of a pass
constexpr int most_text = 128;
constexpr int held_image_keys = 64;
constexpr int text_pitch = most_text + 8;  // of a row in shared memory: no two rows in one bank

template <int NT>
constexpr int group_rows = NT * 8 / groups_a_head;

// Of a layer: those with a row that is not idle.
template <int NT>
__device__ __forceinline__ unsigned attention_tasks(const Model& m, std::uint64_t active_rows) {
  unsigned groups = 0;
  for (int group = 0; group < groups_a_head; ++group)
    groups += (active_rows >> group * group_rows<NT> & ((1u << group_rows<NT>)-1)) != 0;
  return groups * m.heads;
}

// Where a layer keeps the keys and values of images.
struct ImageCache {
  Mask mask;
  int groups, capacity;
  std::size_t start;
  __device__ __forceinline__ explicit ImageCache(const Layer& layer)
      : mask(layer.mask), groups(layer.groups), capacity(layer.capacity), start(layer.cache) {}
};

// First element of the key at a raster index, within a slot.
__device__ __forceinline__ std::size_t cache_offset(const Model& m, const ImageCache& layer, int head, int raster) {
  int group = 0, place = raster % layer.capacity;
  if (layer.mask == Mask::column) {
    group = raster % m.grid;
    place = raster / m.grid;
  }
  return layer.start + (std::size_t(head * layer.groups + group) * layer.capacity + place) * m.head_size;
}

// What a row sees of its own image.
template <typename T>
struct ImageKeys {
  const T* keys;
  const T* values;
  const int* places;  // nullptr: keys are consecutive
  int count;
  int newest;  // place of the row's own key

  __device__ __forceinline__ ImageKeys(const Model& m, const Buffers& b, const Row& row, const ImageCache& layer,
                                       int head)
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
    const std::size_t base = row.slot * m.slot_elements + layer.start +
                             std::size_t(head * layer.groups + group) * layer.capacity * m.head_size;
    keys = static_cast<const T*>(b.keys) + base;
    values = static_cast<const T*>(b.values) + base;
  }
  __device__ __forceinline__ int place(int j) const { return places == nullptr ? j : places[j]; }
};

template <int NT, typename T, int HeadSize>
struct AttentionScratch {
  static constexpr int rows = group_rows<NT>;
  static constexpr bool warp_a_row = rows >= team_warps<NT>;
  static constexpr int value_parts = warp_a_row ? 1 : row_warps;  // sums of an image's values
  float scores[rows][text_pitch];
  float image[rows][most_image_keys];
  float values[rows][value_parts][HeadSize];
  float inverse[rows];
  alignas(16) T weights[rows][text_pitch];
  alignas(16) T own[rows][3 * HeadSize + 8];  // a row's query, newest key and newest value
  ImageKeys<T> seen[rows];
};

// Among the threads of a team.
template <int Warps>
__device__ __forceinline__ void team_sync(int team) {
  asm volatile("bar.sync %0, %1;" ::"r"(2 + team), "n"(Warps * 32) : "memory");
}

__device__ __forceinline__ uint4 load_uncached(const void* p) { return __ldcg(static_cast<const uint4*>(p)); }

__device__ __forceinline__ uint4 load_shared(const void* p) { return *static_cast<const uint4*>(p); }

__device__ __forceinline__ float2 widen_pair(std::uint32_t bits, __half) {
  return __half22float2(*reinterpret_cast<const __half2*>(&bits));
}
__device__ __forceinline__ float2 widen_pair(std::uint32_t bits, __nv_bfloat16) {
  return __bfloat1622float2(*reinterpret_cast<const __nv_bfloat162*>(&bits));
}

// Where number d of text value t of a head stands: transposed, as the second product reads it.
__device__ __forceinline__ std::size_t text_value_offset(const Model& m, int t, int d) {
  return std::size_t(d) * m.text_length + t;
}

// A text's keys and values of a head as the tensor cores take them. The contraction is over any order of dimensions or
// keys as long as both sides use it: a lane takes 16 bytes that lie together.
template <typename T, int HeadSize, int Warps>
struct TextFragments {
  static constexpr int key_blocks = most_text / 16 / Warps;  // of 16 keys, of a warp
  static constexpr int key_steps = HeadSize / 32;            // of 32 dimensions
  static constexpr int value_tiles = HeadSize / 8 / Warps;   // of 8 dimensions, of a warp
  static constexpr int value_steps = most_text / 32;         // of 32 keys
  uint4 keys[key_blocks][2][key_steps];
  uint4 values[value_tiles][value_steps];

  __device__ __forceinline__ void load_keys(const Model& m, const void* text_keys, int index, int head, int thread) {
    const int warp = thread / 32, lane = thread % 32;
    const T* base =
        static_cast<const T*>(text_keys) + std::size_t(index * m.heads + head) * m.text_length * m.head_size;
#pragma unroll
    for (int block = 0; block < key_blocks; ++block)
#pragma unroll
      for (int tile = 0; tile < 2; ++tile)
#pragma unroll
        for (int step = 0; step < key_steps; ++step) {
          const int key = (block * Warps + warp) * 16 + tile * 8 + lane / 4, d = step * 32 + lane % 4 * 8;
          keys[block][tile][step] = key < m.text_length && d < m.head_size
                                        ? load_uncached(base + std::size_t(key) * m.head_size + d)
                                        : uint4{};
        }
  }

  __device__ __forceinline__ void load_values(const Model& m, const void* text_values, int index, int head,
                                              int thread) {
    const int warp = thread / 32, lane = thread % 32;
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

// The first image keys and values of one row, as a rule all of them, held in the registers of its four warps. All but
// the row's own are there before the layer begins.
template <typename T, int HeadSize>
struct ImageFragments {
  static constexpr int key_passes = held_image_keys * (HeadSize / 16) / row_threads;
  static constexpr int value_passes = held_image_keys * (HeadSize / 8) / row_threads;
  uint4 keys[key_passes][2];
  uint4 values[value_passes];
  unsigned newest_key, newest_value;  // a bit a pass: the lane's is the row's own

  __device__ __forceinline__ void load_old(const ImageKeys<T>& image, const LaneShare& share, int head_size,
                                           int thread) {
    const int warp = thread / 32 % row_warps, lane = thread % 32;
    newest_key = newest_value = 0;
#pragma unroll
    for (int i = 0; i < key_passes; ++i) {
      const int j = (i * row_warps + warp) * share.keys_a_warp + lane / share.key_lanes;
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
      const int j = (i * row_warps + warp) * share.values_a_warp + lane / share.value_lanes;
      values[i] = uint4{};
      if (j >= image.count) continue;
      const int place = image.place(j);
      if (place == image.newest)
        newest_value |= 1u << i;
      else
        values[i] = load_uncached(image.values + std::size_t(place) * head_size + share.dims);
    }
  }

  // From shared memory.
  __device__ __forceinline__ void load_newest(const T* key, const T* value, const LaneShare& share) {
#pragma unroll
    for (int i = 0; i < key_passes; ++i)
      if (newest_key >> i & 1) {
        keys[i][0] = load_shared(key + share.key_share);
        keys[i][1] = load_shared(key + share.key_share + 8);
      }
#pragma unroll
    for (int i = 0; i < value_passes; ++i)
      if (newest_value >> i & 1) values[i] = load_shared(value + share.dims);
  }
};

template <int NT, typename T, int HeadSize>
class Attention {
  using Scratch = AttentionScratch<NT, T, HeadSize>;
  static constexpr int rows_here = group_rows<NT>;
  static constexpr bool warp_a_row = Scratch::warp_a_row;
  static constexpr int warps = team_warps<NT>, team_threads = warps * 32, teams = attention_warps / warps;
  static constexpr int rows_at_once = warp_a_row ? warps : warps / row_warps;
  // Where registers suffice.
  static constexpr bool holds_image = rows_here <= rows_at_once && !warp_a_row && HeadSize <= 64;
  static constexpr bool holds_keys = warp_a_row && rows_here <= warps && HeadSize <= 64;
  static constexpr bool holds_values = NT == 1 && HeadSize <= 64;
  static constexpr int halves = rows_here > 8 ? 2 : 1;  // of eight rows, as the tensor cores take them
  struct None {};
  using Image = std::conditional_t<holds_image, ImageFragments<T, HeadSize>, None>;

 public:
  static constexpr std::size_t scratch_bytes = teams * sizeof(Scratch);

  // Asks for what the first task reads of text, unless this pass makes it, and of the image. `stamp`: of the layer's
  // queries, keys and values, and of what comes out.
  __device__ __forceinline__ Attention(const PassArguments& a, const Row* rows, char* scratch, int index,
                                       std::uint32_t stamp)
      : m_(a.model),
        b_(a.buffers),
        rows_(rows),
        layer_(a.model.layer[index]),
        stamp_(stamp),
        workers_(a.workers),
        thread_(fresh_thread() % team_threads),
        share_(m_.head_size, thread_),
        team_(fresh_thread() / team_threads % teams),
        scratch_(reinterpret_cast<Scratch*>(scratch)[team_]),
        task_(int(blockIdx.x) + workers_ * team_) {
    if (task_ >= m_.heads * groups_a_head) return;
    const int first = task_ / m_.heads * rows_here, head = task_ % m_.heads;
    const Row* row = nullptr;
    for (int r = rows_here - 1; r >= 0; --r)
      if (rows_[first + r].position >= 0) row = &rows_[first + r];
    if (row == nullptr || row->slot < 0) return;
    if constexpr (NT <= 2) {
      prepared_ = row->text_keys;
      load_text(row->text_keys, row->text_values, index, head);
    }
    if constexpr (holds_image) {
      held_ = thread_ / row_threads;
      image_.load_old(ImageKeys<T>(m_, b_, rows_[first + held_], layer_, head), share_, m_.head_size, thread_);
    } else if constexpr (holds_keys) {
      held_ = thread_ / 32;
      load_keys(keys_, ImageKeys<T>(m_, b_, rows_[first + held_], layer_, head), 0, share_.keys_a_warp, nullptr);
    }
  }

  // context = softmax(q k) v of every row and head.
  __device__ __forceinline__ void finish(int index) {
    for (; task_ < m_.heads * groups_a_head; task_ += workers_ * teams) {
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
    // Anew for each task: what follows from it would be kept, out of registers, from task to task.
    const int thread = thread_ = fresh_thread() % team_threads;
    share_ = LaneShare(m_.head_size, thread);
    const int warp = thread / 32, lane = thread % 32;
    unsigned active = 0;
#pragma unroll
    for (int r = 0; r < rows_here; ++r) active |= rows[r].position >= 0 ? 1u << r : 0u;
    if (active == 0) return;

    if (thread < rows_here && (active >> thread & 1))
      new (&scratch_.seen[thread]) ImageKeys<T>(m_, b_, rows[thread], layer_, head);
    receive_own(head, first, active);
    team_sync<warps>(team_);
    load_queries();
    if constexpr (holds_image)
      if (held_ >= 0 && (active >> held_ & 1))
        image_.load_newest(received(held_, newest_key), received(held_, newest_value), share_);
    const auto for_my_rows = [&](const auto& visit) {
      const int mine = warp_a_row ? warp : warp / row_warps;
      if constexpr (rows_here <= rows_at_once) {
        if (mine < rows_here && (active >> mine & 1)) visit(mine);
      } else {
        for (int r = mine; r < rows_here; r += rows_at_once) {
          share_ = LaneShare(m_.head_size, thread_ = fresh_thread() % team_threads);
          if (active >> r & 1) visit(r);
        }
      }
    };
    if constexpr (!warp_a_row) for_my_rows([&](int r) { score_row(r); });
    for_prompts(rows, active, [&](const Row& of, unsigned mine) {
      if (prepared_ != of.text_keys) load_text(of.text_keys, of.text_values, index, head);
      prepared_ = of.text_keys;
      score_text(mine, warp, lane);
    });
    team_sync<warps>(team_);
    if constexpr (warp_a_row) {
      for_my_rows([&](int r) {
        score_row(r);
        Values values;
        load_values(values, scratch_.seen[r], r, 0);
        __syncwarp();
        softmax(rows[r], r, lane);
        __syncwarp();
        gather_row(r, &values);
      });
    } else {
      for (int r = warp; r < rows_here; r += warps)
        if (active >> r & 1) softmax(rows[r], r, lane);
      team_sync<warps>(team_);
      for_my_rows([&](int r) { gather_row(r, nullptr); });
    }
    if constexpr (warp_a_row) team_sync<warps>(team_);

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
    if constexpr (!warp_a_row) team_sync<warps>(team_);
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
        const std::uint32_t pair =
            pack_pair<T>((acc[tile][half * 2] + image[0]) * inverse, (acc[tile][half * 2 + 1] + image[1]) * inverse);
        const int k = head * m_.head_size + d, row = first + r;
        if constexpr (stamps_activations(NT * 8))
          store_stamped(static_cast<StampedWord*>(b_.context) + (std::size_t(row) * m_.hidden + k) / 2, pair, stamp_);
        else
          *reinterpret_cast<std::uint32_t*>(static_cast<T*>(b_.context) + activation_offset(k, row, NT)) = pair;
      }
    if constexpr (!stamps_activations(NT * 8)) proxy_fence();
    team_sync<warps>(team_);
    if constexpr (!stamps_activations(NT * 8))
      if (thread == 0) count_up(b_.meeting->attended);
  }

  enum Own { query, newest_key, newest_value };
  __device__ __forceinline__ T* received(int r, Own what) const { return scratch_.own[r] + what * m_.head_size; }

  // The rows' queries, and the newest key and value of those of an image, which also go to the cache.
  __device__ __forceinline__ void receive_own(int head, int first, unsigned active) {
    constexpr int passes = (rows_here * 3 * HeadSize / 4 + team_threads - 1) / team_threads;
    const int pieces = m_.head_size / 4;  // of four numbers, of each of the three
    const auto place = [&](int i, int& r, int& what, int& d) {
      const int piece = i * team_threads + thread_;
      r = piece / (3 * pieces);
      what = piece / pieces - r * 3;
      d = piece % pieces * 4;
      if (r >= rows_here || !(active >> r & 1) || (what != query && rows_[first + r].slot < 0)) r = -1;
    };
    StampedPair got[passes];
    receive(
        got,
        [&](int i) {
          int r, what, d;
          place(i, r, what, d);
          return r >= 0;
        },
        [&](int i) {
          int r, what, d;
          place(i, r, what, d);
          return b_.query_key_value + ((std::size_t(first + r) * 3 + what) * m_.hidden + head * m_.head_size + d) / 2;
        },
        stamp_);
#pragma unroll
    for (int i = 0; i < passes; ++i) {
      int r, what, d;
      place(i, r, what, d);
      if (r < 0) continue;
      *reinterpret_cast<uint2*>(received(r, Own(what)) + d) = got[i].data();
      if (what == query) continue;
      const Row& row = rows_[first + r];
      T* cache = static_cast<T*>(what == newest_key ? b_.keys : b_.values) + row.slot * m_.slot_elements +
                 cache_offset(m_, layer_, head, row.position);
      *reinterpret_cast<uint2*>(cache + d) = got[i].data();
    }
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

  __device__ __forceinline__ void load_queries() {
    const int lane = thread_ % 32;
#pragma unroll
    for (int half = 0; half < halves; ++half)
#pragma unroll
      for (int step = 0; step < key_steps; ++step) {
        const int r = lane / 4 + half * 8, d = step * 32 + lane % 4 * 8;
        queries_[half][step] = r < rows_here && d < m_.head_size ? load_shared(received(r, query) + d) : uint4{};
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
          multiply_32(acc, queries_[0][step], halves == 2 ? queries_[halves - 1][step] : uint4{},
                      text_.keys[block][tile][step], T{});
        const int key = (block * warps + warp) * 16 + tile * 8 + lane % 4 * 2;
#pragma unroll
        for (int half = 0; half < 2; ++half)
          if (const int r = lane / 4 + half * 8; r < rows_here && (mine >> r & 1))
            *reinterpret_cast<float2*>(&scratch_.scores[r][key]) = {acc[half * 2], acc[half * 2 + 1]};
      }
  }

  // Keys that a lane has at once: all of a row layer's, for heads of 64.
  static constexpr int keys_together = !warp_a_row ? 2 : NT == 2 ? 5 : 3;
  using Keys = uint4[keys_together][2];

  // From key j0 on, `step` keys apart. `newest`: the row's own, or nullptr while it is not there.
  __device__ __forceinline__ void load_keys(Keys& keys, const ImageKeys<T>& image, int j0, int step,
                                            const T* newest) const {
    const int lane = thread_ % 32;
#pragma unroll
    for (int i = 0; i < keys_together; ++i) {
      const int j = j0 + i * step + lane / share_.key_lanes;
      keys[i][0] = keys[i][1] = uint4{};
      if (j >= image.count) continue;
      const int place = image.place(j);
      if (place != image.newest) {
        const T* key = image.keys + std::size_t(place) * m_.head_size + share_.key_share;
        keys[i][0] = load_uncached(key);
        keys[i][1] = load_uncached(key + 8);
      } else if (newest != nullptr) {
        keys[i][0] = load_shared(newest + share_.key_share);
        keys[i][1] = load_shared(newest + share_.key_share + 8);
      }
    }
  }

  __device__ __forceinline__ void score_row(int r) {
    const int warp = thread_ / 32, lane = thread_ % 32;
    const ImageKeys<T> image = scratch_.seen[r];
    const T* q = received(r, query) + share_.key_share;
    const T* newest = received(r, newest_key);
    const uint4 queries[2] = {load_shared(q), load_shared(q + 8)};
    const auto score = [&](int j, const uint4& low, const uint4& high) {
      float sum = dot_16<T>(queries, low, high);
      for (int offset = share_.key_lanes / 2; offset > 0; offset /= 2) sum += __shfl_xor_sync(0xFFFFFFFFu, sum, offset);
      if (share_.key_share == 0 && j < image.count) scratch_.image[r][j] = sum;
    };
    const int step = share_.keys_a_warp * (warp_a_row ? 1 : row_warps);
    int j0 = warp_a_row ? 0 : warp % row_warps * share_.keys_a_warp;
    if constexpr (holds_image) {
      if (r == held_) {
#pragma unroll
        for (int i = 0; i < Image::key_passes; ++i, j0 += step)
          score(j0 + lane / share_.key_lanes, image_.keys[i][0], image_.keys[i][1]);
      }
    }
    const auto score_keys = [&](const Keys& keys) {
#pragma unroll
      for (int i = 0; i < keys_together; ++i) score(j0 + i * step + lane / share_.key_lanes, keys[i][0], keys[i][1]);
      j0 += keys_together * step;
    };
    if constexpr (holds_keys) {
      if (r == held_) {
#pragma unroll
        for (int i = 0; i < keys_together; ++i) {
          const int j = i * step + lane / share_.key_lanes;
          if (j >= image.count || image.place(j) != image.newest) continue;
          keys_[i][0] = load_shared(newest + share_.key_share);
          keys_[i][1] = load_shared(newest + share_.key_share + 8);
        }
        score_keys(keys_);
      }
    }
    while (j0 < image.count) {
      Keys keys;
      load_keys(keys, image, j0, step, newest);
      score_keys(keys);
    }
  }

  // Scores to weights, by a warp.
  __device__ __forceinline__ void softmax(const Row& row, int r, int lane) {
    const int texts = text_count(row), images = scratch_.seen[r].count;
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

  static constexpr int key_blocks = TextFragments<T, HeadSize, warps>::key_blocks;
  static constexpr int key_steps = TextFragments<T, HeadSize, warps>::key_steps;
  static constexpr int value_tiles = TextFragments<T, HeadSize, warps>::value_tiles;
  static constexpr int value_steps = TextFragments<T, HeadSize, warps>::value_steps;

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
  static constexpr int own_parts = warp_a_row ? row_warps : 1;
  static constexpr int values_together = NT == 1 ? 3 : 2;
  using Values = uint4[values_together][own_parts];

  __device__ __forceinline__ int value_index(int j0, int i, int part) const {
    const int set = i * row_warps + (own_parts == row_warps ? part : thread_ / 32 % row_warps);
    return j0 + set * share_.values_a_warp + thread_ % 32 / share_.value_lanes;
  }

  __device__ __forceinline__ void load_values(Values& values, const ImageKeys<T>& image, int r, int j0) const {
#pragma unroll
    for (int i = 0; i < values_together; ++i)
#pragma unroll
      for (int p = 0; p < own_parts; ++p) {
        const int j = value_index(j0, i, p);
        values[i][p] = uint4{};
        if (j >= image.count) continue;
        const int place = image.place(j);
        values[i][p] = place == image.newest
                           ? load_shared(received(r, newest_value) + share_.dims)
                           : load_uncached(image.values + std::size_t(place) * m_.head_size + share_.dims);
      }
  }

  // `values`: the first, if they were asked for before.
  __device__ __forceinline__ void gather_row(int r, Values* first) {
    const int warp = thread_ / 32, lane = thread_ % 32;
    const ImageKeys<T> image = scratch_.seen[r];
    float acc[own_parts][8] = {};
    int j0 = 0;
    if constexpr (holds_image) {
      if (r == held_) {
#pragma unroll
        for (int i = 0; i < Image::value_passes; ++i, j0 += row_warps * share_.values_a_warp)
          if (const int j = value_index(j0, 0, 0); j < most_image_keys)
            add_weighted<T>(acc[0], scratch_.image[r][j], image_.values[i]);
      }
    }
    const auto add = [&](const Values& values) {
#pragma unroll
      for (int i = 0; i < values_together; ++i)
#pragma unroll
        for (int p = 0; p < own_parts; ++p) {
          const int j = value_index(j0, i, p);
          add_weighted<T>(acc[p], j < image.count ? scratch_.image[r][j] : 0.0f, values[i][p]);
        }
      j0 += values_together * row_warps * share_.values_a_warp;
    };
    if (first != nullptr) add(*first);
    while (j0 < image.count) {
      Values values;
      load_values(values, image, r, j0);
      add(values);
    }
#pragma unroll
    for (int d = 0; d < 8; ++d) {
#pragma unroll
      for (int p = 0; p < own_parts; ++p)
        for (int offset = share_.value_lanes; offset < 32; offset *= 2)
          acc[p][d] += __shfl_xor_sync(0xFFFFFFFFu, acc[p][d], offset);
      if (lane < share_.value_lanes) {
        if constexpr (own_parts == row_warps)
          scratch_.values[r][0][share_.dims + d] = (acc[0][d] + acc[1][d]) + (acc[2][d] + acc[3][d]);
        else
          scratch_.values[r][warp % row_warps][share_.dims + d] = acc[0][d];
      }
    }
  }

  const Model& m_;
  const Buffers& b_;
  const Row* rows_;
  ImageCache layer_;
  std::uint32_t stamp_;
  int workers_;
  int thread_;
  LaneShare share_;
  int team_;
  Scratch& scratch_;
  int task_;
  const void* prepared_ = nullptr;  // the text whose fragments are held
  int held_ = -1;                   // the row of the group whose image keys (and values, in image_) are held
  uint4 queries_[halves][key_steps];
  TextFragments<T, HeadSize, warps> text_;
  Image image_;
  std::conditional_t<holds_keys, Keys, None> keys_;
};

// A layer, by the threads that attend. Nobody asks for its queries, keys and values before the block has written its
// own share: they come at about the same time.
template <int NT, typename T, int HeadSize>
__device__ __forceinline__ void attend_layer(const PassArguments& a, BlockState& state, char* scratch, int i) {
  Attention<NT, T, HeadSize> attention(a, state.row, scratch, i, state.stamp + 2 * i);
  wait_reached(state.written, i + 1);
  if (state.texts) {
    const unsigned writers = blocks_of(a, tiles_of(3 * a.model.hidden));
    wait_for(a.buffers.meeting->texts, writers * (i + 1));
  }
  attention.finish(i);
}

}  // namespace kandinsky::cuda
