#pragma once
#include "kernels/cuda/attention_layout.cuh"
#include "kernels/cuda/product.cuh"

namespace kandinsky::cuda {

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

  // So that no register is kept for what is not used any more.
  __device__ __forceinline__ void forget() { *this = TextFragments{}; }

  __device__ __forceinline__ void load_keys(const Model& m, const void* text_keys, int index, int head, int thread) {
    const int warp = thread / 32, lane = thread % 32;
    const T* base = of_head(m, text_keys, index, head);
#pragma unroll
    for (int block = 0; block < key_blocks; ++block)
#pragma unroll
      for (int tile = 0; tile < 2; ++tile)
#pragma unroll
        for (int step = 0; step < key_steps; ++step) {
          const int key = (block * Warps + warp) * 16 + tile * 8 + lane / 4, d = step * 32 + lane % 4 * 8;
          keys[block][tile][step] =
              load_uncached_if(key < m.text_length && d < m.head_size, base + (key * m.head_size + d));
        }
  }

  __device__ __forceinline__ void load_values(const Model& m, const void* text_values, int index, int head,
                                              int thread) {
    const int warp = thread / 32, lane = thread % 32;
    const T* base = of_head(m, text_values, index, head);
#pragma unroll
    for (int tile = 0; tile < value_tiles; ++tile)
#pragma unroll
      for (int step = 0; step < value_steps; ++step) {
        const int d = (warp * value_tiles + tile) * 8 + lane / 4, key = step * 32 + lane % 4 * 8;
        values[tile][step] =
            load_uncached_if(key < m.text_length && d < m.head_size, base + text_value_offset(m, key, d));
      }
  }

 private:
  static __device__ __forceinline__ const T* of_head(const Model& m, const void* text, int index, int head) {
    return static_cast<const T*>(text) + std::size_t(index * m.heads + head) * m.text_length * m.head_size;
  }
};

}  // namespace kandinsky::cuda
