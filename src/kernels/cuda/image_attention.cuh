#pragma once
#include <type_traits>

#include "kernels/cuda/attention_layout.cuh"
#include "kernels/cuda/pass_variant.cuh"
#include "kernels/cuda/product.cuh"

namespace kandinsky::cuda {

// A row's image keys and values go through the tensor cores in blocks of 16 keys, as the first operand; the second, the
// row's query or weights, is the same in all its columns. As with a text, the contraction is over any order of
// dimensions or keys: a lane takes 16 bytes that lie together. Lane 4 g + t has of keys g and g + 8 the dimensions
// 32 step + 8 t ..., of values t, t + 4, t + 8 and t + 12 the dimensions 64 part + 8 g ....
constexpr int block_keys = 16;
constexpr int most_key_blocks = most_image_keys / block_keys;

// What a lane has of half a block of keys, or of a block of values. Zeros stand for the row's own, which is not read
// from the cache: it is still to come.
template <int HeadSize>
struct HalfBlockOfKeys {
  static constexpr int steps = HeadSize / 32;
  uint4 v[steps];
};
template <int HeadSize>
struct BlockOfValues {
  static constexpr int parts = HeadSize / 64;
  uint4 v[4][parts];
};

// Numbers of the same dimension of two keys, side by side: those of the low halves, those of the high ones.
__device__ __forceinline__ std::uint32_t low_halves(std::uint32_t a, std::uint32_t b) {
  return __byte_perm(a, b, 0x5410);
}
__device__ __forceinline__ std::uint32_t high_halves(std::uint32_t a, std::uint32_t b) {
  return __byte_perm(a, b, 0x7632);
}
__device__ __forceinline__ std::uint32_t word(const uint4& v, int i) {
  return i == 0 ? v.x : i == 1 ? v.y : i == 2 ? v.z : v.w;
}

// Queries against the images' keys, and weighted sums of their values.
template <int NT, typename T, int HeadSize>
class ImageAttention {
 protected:
  using Scratch = AttentionScratch<NT, T, HeadSize>;
  using Keys = HalfBlockOfKeys<HeadSize>;
  using Values = BlockOfValues<HeadSize>;
  static constexpr int rows_here = group_rows<NT>;
  static constexpr bool warp_a_row = Scratch::warp_a_row;
  static constexpr int warps = team_warps<NT>, team_threads = warps * 32;
  // Each warp has one row at most, and registers for all that it reads.
  static constexpr bool a_row_each = warp_a_row && rows_here <= warps && HeadSize <= 64;
  static constexpr int rows_at_once = warp_a_row ? warps : warps / row_warps;
  // Keys that are asked for at once: five half blocks are all of a row layer of 32 columns.
  static constexpr int halves_together = warp_a_row && HeadSize <= 64 ? 5 : 2;
  // Held of the first row that a warp has: read before the layer's queries are there, where registers suffice.
  static constexpr bool holds_keys = NT == 1;
  static constexpr bool holds_values = NT == 1 && HeadSize <= 64;

  __device__ __forceinline__ ImageAttention(const PassArguments& a, Scratch& scratch)
      : m_(a.model), b_(a.buffers), thread_(fresh_thread() % team_threads), scratch_(scratch) {}

  // Asks for what is to be held of a group's first row of this thread.
  __device__ __forceinline__ void hold(const Row* rows, const ImageCache& layer, int head) {
    if constexpr (holds_keys) {
      held_ = thread_ / (warp_a_row ? 32 : row_threads);
      const ImageKeys<T> image(m_, b_, rows[held_], layer, head);
      load_keys(keys_, image, first_block());
      if constexpr (holds_values)
        load_values(values_, image, first_block());
      else
        prefetch_values(image, first_block());
    }
  }

  // So that no register is kept for what is not used any more.
  __device__ __forceinline__ void let_go() {
    held_ = -1;
    keys_ = {};
    values_ = {};
  }

  // Of the keys that were there before.
  __device__ __forceinline__ void score_row(int r) {
    const int g = thread_ % 32 / 4, t = thread_ % 4;
    const ImageKeys<T> image = scratch_.seen[r];
    uint4 queries[Keys::steps];
#pragma unroll
    for (int step = 0; step < Keys::steps; ++step)
      queries[step] = key_dims(step, t) < m_.head_size ? load_shared(scratch_.query[r] + key_dims(step, t)) : uint4{};
    const auto score = [&](int block, const Keys& low, const Keys& high) {
      float sums[4] = {};
#pragma unroll
      for (int step = 0; step < Keys::steps; ++step) multiply_32(sums, low.v[step], high.v[step], queries[step], T{});
      if (t == 0) {
        scratch_.image[r][block * block_keys + g] = sums[0];
        scratch_.image[r][block * block_keys + g + 8] = sums[2];
      }
    };
    const auto score_all = [&](int block, ManyKeys& keys) {
#pragma unroll
      for (int i = 0; i + 1 < halves_together; i += 2) score(block + i / 2, keys.v[i], keys.v[i + 1]);
      if constexpr (halves_together % 2 == 1) {
        constexpr int last = halves_together - 1;
        if (block + last / 2 < most_key_blocks) score(block + last / 2, keys.v[last], Keys{});
      }
    };
    int block = first_block();
    if constexpr (holds_keys) {
      if (r == held_) {
        score_all(block, keys_);
        block = after(block, image);
      }
    }
    while (block * block_keys < image.count) {
      ManyKeys keys;
      load_keys(keys, image, block);
      score_all(block, keys);
      block = after(block, image);
    }
  }

  // The values that a row of a warp's own begins with, asked for at once: for heads of 64 all of a row layer's, two
  // blocks and the first four of a third.
  struct FirstValues {
    static constexpr int blocks = HeadSize <= 64 ? 2 : 1;
    static constexpr int count = blocks * block_keys + (HeadSize <= 64 ? 4 : 0);
    Values block[blocks], more;
  };
  __device__ __forceinline__ void load_first_values(FirstValues& values, int r) const {
    const ImageKeys<T> image = scratch_.seen[r];
#pragma unroll
    for (int i = 0; i < FirstValues::blocks; ++i) load_values(values.block[i], image, i);
    if constexpr (FirstValues::count % block_keys != 0) load_values<1>(values.more, image, FirstValues::blocks);
  }

  // Likewise of a row that four warps share.
  __device__ __forceinline__ void load_first_values(Values& values, int r) const {
    load_values(values, scratch_.seen[r], first_block());
  }

  // Of a row that four warps share: this warp's part of its sums. `first`: its first values, unless held or nullptr.
  __device__ __forceinline__ void gather_shared(int r, const Values* first) {
    const ImageKeys<T> image = scratch_.seen[r];
    float sums[8 * Values::parts];
    const int block = first_block();
    Values values;
    if constexpr (holds_values) values = values_;
    if (first != nullptr)
      values = *first;
    else if (!holds_values || r != held_)
      load_values(values, image, block);
    part_of(sums, values, image, block, r);
    store(sums, r, block);
  }

  // Of a row of a warp's own. In the order in which four warps' parts are added.
  __device__ __forceinline__ void gather_own(int r, FirstValues& first) {
    const ImageKeys<T> image = scratch_.seen[r];
    float sums[2][8 * Values::parts];
#pragma unroll
    for (int part = 0; part < row_warps; ++part) {
      float here[8 * Values::parts];
      if (part < FirstValues::blocks) {
        part_of(here, first.block[part < FirstValues::blocks ? part : 0], image, part, r);
      } else if (FirstValues::count % block_keys != 0 && part == FirstValues::blocks &&
                 image.count <= FirstValues::count) {
        part_of(here, first.more, image, part, r);
      } else {
        Values values;
        load_values(values, image, part);
        part_of(here, values, image, part, r);
      }
#pragma unroll
      for (int d = 0; d < 8 * Values::parts; ++d)
        sums[part / 2][d] = part % 2 == 0 ? here[d] : sums[part / 2][d] + here[d];
    }
#pragma unroll
    for (int d = 0; d < 8 * Values::parts; ++d) sums[0][d] += sums[1][d];
    store(sums[0], r, 0);
  }

  // An image's weights stand where its scores stood.
  __device__ __forceinline__ T* image_weights(int r) const { return reinterpret_cast<T*>(scratch_.image[r]); }

  // Where an image's weight stands: those of the values that a lane has lie together.
  static __device__ __forceinline__ int weight_place(int j) { return j / 16 * 16 + j % 4 * 4 + j % 16 / 4; }

 private:
  struct ManyKeys {
    Keys v[halves_together];
  };
  __device__ __forceinline__ int first_block() const { return warp_a_row ? 0 : thread_ / 32 % row_warps; }
  // The block to go on with after the keys that come at once.
  static __device__ __forceinline__ int after(int block, const ImageKeys<T>& image) {
    if (!warp_a_row) return block + row_warps;
    return block + (image.count <= block * block_keys + halves_together * 8 ? most_key_blocks : halves_together / 2);
  }
  static __device__ __forceinline__ int key_dims(int step, int t) { return step * 32 + t * 8; }

  // Zeros past the last.
  __device__ __forceinline__ void load_keys(ManyKeys& keys, const ImageKeys<T>& image, int block) const {
    const int g = thread_ % 32 / 4, t = thread_ % 4;
#pragma unroll
    for (int i = 0; i < halves_together; ++i) {
      Keys& half = keys.v[i];
      const int j = block * block_keys + i * 8 + g;
      const int place = j < image.count ? image.place(j) : -1;
      const bool there = place >= 0 && place != image.newest;
      const T* from = image.keys + (place * m_.head_size + key_dims(0, t));
#pragma unroll
      for (int step = 0; step < Keys::steps; ++step)
        half.v[step] = load_uncached_if(there && key_dims(step, t) < m_.head_size, from + step * 32);
    }
  }

  // Of each lane's four the first `Count`.
  template <int Count = 4>
  __device__ __forceinline__ void load_values(Values& values, const ImageKeys<T>& image, int block) const {
    const int g = thread_ % 32 / 4, t = thread_ % 4;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const int j = block * block_keys + t + i * 4;
      const int place = i < Count && j < image.count ? image.place(j) : -1;
      const bool there = place >= 0 && place != image.newest;
      const T* from = image.values + (place * m_.head_size + g * 8);
#pragma unroll
      for (int part = 0; part < Values::parts; ++part)
        values.v[i][part] = load_uncached_if(there && part * 64 + g * 8 < m_.head_size, from + part * 64);
    }
  }

  __device__ __forceinline__ void prefetch_values(const ImageKeys<T>& image, int block) const {
    constexpr int line = 128 / sizeof(T);
    const int j = block * block_keys + thread_ % 32 / 2;
    if (j >= image.count) return;
    const T* from = image.values + std::size_t(image.place(j)) * m_.head_size;
    for (int d = thread_ % 2 * line; d < m_.head_size; d += 2 * line) prefetch(from + d);
  }

  // The weighted sum of every fourth block from `block` on, of which `values` is the first: of a lane's eight
  // dimensions a part.
  __device__ __forceinline__ void part_of(float (&sums)[8 * Values::parts], Values& values, const ImageKeys<T>& image,
                                          int block, int r) const {
    float acc[4 * Values::parts][4] = {};
    const auto add = [&](Values& of, int at) {
      const uint2 weights = *reinterpret_cast<const uint2*>(image_weights(r) + at * block_keys + thread_ % 4 * 4);
#pragma unroll
      for (int i = 0; i < 4 * Values::parts; ++i) {
        std::uint32_t w[4];
#pragma unroll
        for (int key = 0; key < 4; ++key) w[key] = word(of.v[key][i / 4], i % 4);
        multiply_tile(
            acc[i],
            uint4{low_halves(w[0], w[1]), high_halves(w[0], w[1]), low_halves(w[2], w[3]), high_halves(w[2], w[3])},
            weights, T{});
      }
    };
    if (block * block_keys < image.count) add(values, block);
    if (const int next = block + row_warps; next * block_keys < image.count) {
      Values more;
      load_values(more, image, next);
      add(more, next);
    }
#pragma unroll
    for (int i = 0; i < 4 * Values::parts; ++i) {
      sums[2 * i] = acc[i][0];
      sums[2 * i + 1] = acc[i][2];
    }
  }
  static_assert(most_key_blocks <= 2 * row_warps);

  __device__ __forceinline__ void store(const float (&sums)[8 * Values::parts], int r, int slot) const {
    const int g = thread_ % 32 / 4, t = thread_ % 4;
    if (t != 0) return;
#pragma unroll
    for (int part = 0; part < Values::parts; ++part) {
      const int d = part * 64 + g * 8;
      if (d >= m_.head_size) continue;
      auto* to = reinterpret_cast<float4*>(scratch_.values[r][slot] + d);
      const float* from = sums + part * 8;
      to[0] = {from[0], from[1], from[2], from[3]};
      to[1] = {from[4], from[5], from[6], from[7]};
    }
  }

 protected:
  const Model& m_;
  const Buffers& b_;
  int thread_;
  Scratch& scratch_;
  int held_ = -1;  // the row of the group whose first image keys and values are held

 private:
  struct None {};
  std::conditional_t<holds_keys, ManyKeys, None> keys_;
  std::conditional_t<holds_values, Values, None> values_;
};

}  // namespace kandinsky::cuda
