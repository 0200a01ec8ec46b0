#pragma once
#include <type_traits>

#include "kernels/cuda/attention_layout.cuh"
#include "kernels/cuda/pass_variant.cuh"

namespace kandinsky::cuda {

constexpr int held_image_keys = 64;

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

// Queries against the images' keys, and weighted sums of their values.
template <int NT, typename T, int HeadSize>
class ImageAttention {
 protected:
  using Scratch = AttentionScratch<NT, T, HeadSize>;
  static constexpr int rows_here = group_rows<NT>;
  static constexpr bool warp_a_row = Scratch::warp_a_row;
  static constexpr int warps = team_warps<NT>, team_threads = warps * 32;
  static constexpr int rows_at_once = warp_a_row ? warps : warps / row_warps;
  // Where registers suffice.
  static constexpr bool holds_image = rows_here <= rows_at_once && !warp_a_row && HeadSize <= 64;
  static constexpr bool holds_keys = warp_a_row && rows_here <= warps && HeadSize <= 64;
  struct None {};
  using Image = std::conditional_t<holds_image, ImageFragments<T, HeadSize>, None>;

  __device__ __forceinline__ ImageAttention(const PassArguments& a, Scratch& scratch)
      : m_(a.model),
        b_(a.buffers),
        thread_(fresh_thread() % team_threads),
        share_(m_.head_size, thread_),
        scratch_(scratch) {}

  // Asks for what is to be held of a group's first row of this thread.
  __device__ __forceinline__ void hold(const Row* rows, const ImageCache& layer, int head) {
    if constexpr (holds_image) {
      held_ = thread_ / row_threads;
      image_.load_old(ImageKeys<T>(m_, b_, rows[held_], layer, head), share_, m_.head_size, thread_);
    } else if constexpr (holds_keys) {
      held_ = thread_ / 32;
      load_keys(keys_, ImageKeys<T>(m_, b_, rows[held_], layer, head), 0, share_.keys_a_warp, nullptr);
    }
  }

  enum Own { query, newest_key, newest_value };
  __device__ __forceinline__ T* received(int r, Own what) const { return scratch_.own[r] + what * m_.head_size; }

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
  int thread_;
  LaneShare share_;
  Scratch& scratch_;
  int held_ = -1;  // the row of the group whose image keys (and values, in image_) are held
  Image image_;
  std::conditional_t<holds_keys, Keys, None> keys_;
};

}  // namespace kandinsky::cuda
