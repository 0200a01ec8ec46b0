#pragma once
// How attention is shared out among warps, and what it keeps where.
#include "kernels/cuda/decoder_step.h"
#include "kernels/cuda/device_math.cuh"

namespace kandinsky::cuda {

// A task of attention is one head of a group of rows, by a team of warps. The text's keys, shared by rows of one
// prompt, go through the tensor cores together; the image's keys, a handful of each row's own, row by row: by four
// warps where rows are few, by one where they are many. All sums are taken in an order that does not depend on the size
// of the group or on the rows beside.
constexpr int attention_warps = 8;  // of a block
constexpr int attention_threads = attention_warps * 32;
constexpr int row_warps = 4;
constexpr int row_threads = row_warps * 32;
// Two teams where there are tasks for them.
template <int NT>
constexpr int team_warps = NT == 1 ? attention_warps : attention_warps / 2;
constexpr int groups_a_head = 4;  // of the rows of a pass
constexpr int most_text = 128;
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
  // First element of the keys of a slot's head. A layer's keys of all slots lie together: they are read together, and
  // the fewer pages that takes, the better.
  __device__ __forceinline__ std::size_t of(const Model& m, const Buffers& b, int slot, int head, int group) const {
    const unsigned heads = unsigned(slot * m.heads + head);
    return start * b.slots + std::size_t(heads * groups + group) * (capacity * m.head_size);
  }
};

// What a row sees of its own image.
template <typename T>
struct ImageKeys {
  T* keys;
  T* values;
  const int* places;  // nullptr: keys are consecutive
  int count;
  int newest;  // place of the row's own key, which is the last of those with places

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
    const std::size_t base = layer.of(m, b, row.slot, head, group);
    keys = static_cast<T*>(b.keys) + base;
    values = static_cast<T*>(b.values) + base;
  }
  // Which of the keys is the row's own.
  __device__ __forceinline__ int own() const { return places == nullptr ? newest : count - 1; }
  __device__ __forceinline__ int place(int j) const { return places == nullptr ? j : places[j]; }
};

template <int NT, typename T, int HeadSize>
struct AttentionScratch {
  static constexpr int rows = group_rows<NT>;
  static constexpr bool warp_a_row = rows >= team_warps<NT>;
  static constexpr int value_parts = warp_a_row ? 1 : row_warps;  // sums of an image's values
  float scores[rows][text_pitch];
  alignas(16) float image[rows][most_image_keys];
  alignas(16) float values[rows][value_parts][HeadSize];
  float inverse[rows];
  float own_weight[rows];  // of a row's own value
  alignas(16) T weights[rows][text_pitch];
  alignas(16) T query[rows][HeadSize + 8];
  alignas(4) T own_key[warp_a_row ? 1 : rows][HeadSize];  // where all threads of a team receive it
  ImageKeys<T> seen[rows];
};

// Among the threads of a team.
template <int Warps>
__device__ __forceinline__ void team_sync(int team) {
  asm volatile("bar.sync %0, %1;" ::"r"(2 + team), "n"(Warps * 32) : "memory");
}

// Zeros unless `wanted`.
__device__ __forceinline__ uint4 load_uncached_if(bool wanted, const void* p) {
  uint4 v;
  asm volatile(
      "{.reg .pred wanted; setp.ne.s32 wanted, %5, 0; mov.b32 %0, 0; mov.b32 %1, 0; mov.b32 %2, 0; mov.b32 %3, 0;"
      "@wanted ld.global.cg.v4.b32 {%0, %1, %2, %3}, [%4];}"
      : "=&r"(v.x), "=&r"(v.y), "=&r"(v.z), "=&r"(v.w)
      : "l"(p), "r"(int(wanted))
      : "memory");
  return v;
}

}  // namespace kandinsky::cuda
