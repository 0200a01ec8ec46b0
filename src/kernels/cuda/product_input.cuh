#pragma once
#include "kernels/cuda/block_state.cuh"
#include "kernels/cuda/items.cuh"
#include "kernels/cuda/marked.cuh"
#include "kernels/cuda/pass_variant.cuh"

namespace kandinsky::cuda {

// The marked numbers that a product reads.
struct ProductInput {
  int width;
  std::uint32_t norm;  // the last one before the product
  const std::uint16_t* numbers;

  __device__ __forceinline__ ProductInput(const PassArguments& a, const BlockState& state, int product) {
    const int kind = product % products_a_layer, layer = product / products_a_layer;
    width = kind == down ? 4 * a.model.hidden : a.model.hidden;
    norm = state.stamp + 2 * layer + (kind == up || kind == down);
    const bool of_layer = kind == dense || kind == down;
    numbers = MarkedTurn(kind == dense  ? a.buffers.context
                         : kind == down ? a.buffers.inner
                                        : a.buffers.activations,
                         a.buffers.rows, width, of_layer ? state.layer_turn + layer : norm)
                  .now();
  }
  // Of rows that lie as products read them.
  template <int NT>
  __device__ __forceinline__ const std::uint16_t* chunk(int chunk) const {
    return numbers + marked_place<NT>(chunk * k_chunk, 0, width);
  }
};

}  // namespace kandinsky::cuda
