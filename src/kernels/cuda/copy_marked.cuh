#pragma once
// Marked activations that lie as products read them: bulk copies bring them, chunk by chunk, and warps look whether
// what came was complete.
#include "kernels/cuda/async_copy.cuh"
#include "kernels/cuda/block_state.cuh"
#include "kernels/cuda/device_math.cuh"
#include "kernels/cuda/items.cuh"
#include "kernels/cuda/marked.cuh"
#include "kernels/cuda/prefetch.cuh"
#include "kernels/cuda/product_input.cuh"

namespace kandinsky::cuda {

// Marks what a tile of `up` made a layer before as unwritten. Here, for the warps that multiply have no time.
template <int NT>
__device__ __forceinline__ void unwrite_inner(const PassArguments& a, const BlockState& state, int layer, int tile,
                                              int lane) {
  const int outputs = 4 * a.model.hidden, first = tile * row_tile;
  const MarkedTurn turn(a.buffers.inner, a.buffers.rows, outputs, state.layer_turn + layer);
  auto* at = reinterpret_cast<uint4*>(turn.before() + marked_place<NT>(first, 0, outputs));
  const int count = min(row_tile, outputs - first) * (NT * 8) / marked_piece;
  for (int i = lane; i < count; i += 32) at[i] = {unwritten, unwritten, unwritten, unwritten};
  marks_fence();
  __syncwarp();
}

// The activations of products, by a warp: the first few chunks of a product at once, to be looked at until they are
// complete, the others when a number of each row is there. (What is asked for in vain slows everybody down.)
template <int NT, typename T>
__device__ void copy_marked(const PassArguments& a, BlockState& state, char* ring, std::uint64_t* landed,
                            std::uint64_t* empty, int lane) {
  constexpr int bytes = NT * 1024, early = 2;
  static_assert(NT * 8 <= 32);
  const int row = lane % (NT * 8);
  const bool active = state.active_bits >> row & 1;
  const std::uint64_t policy = policy_evict_last();
  RingPosition at;
  at.parity = 1;
  int product = -1, prefetched = 0;
  prefetch_layer<NT, T>(a, state, prefetched++, lane);
  for (Items items(a, state); items.next();) {
    const bool begins = product != items.product, strays = items.product - product > products_apart;
    product = items.product;
    const int kind = product % products_a_layer, layer = product / products_a_layer;
    const ProductInput input(a, state, product);
    const auto ask = [&](int i) {
      barrier_wait(&empty[at.stage], at.parity);
      if (lane == 0) {
        barrier_expect(&landed[at.stage], bytes);
        bulk_copy(ring + at.stage * bytes, input.chunk<NT>(items.chunk(i)), bytes, &landed[at.stage], policy);
      }
      __syncwarp();
      at.next(a.plan.activation_stages);
    };
    int asked = 0;
    if (begins) {
      if (strays) wait_norm(*a.buffers.meeting, input.norm);
      for (; asked < min(early, items.count - 1); ++asked) ask(asked);
      const std::uint16_t* number = input.numbers + marked_place<NT>(items.chunk(0) * k_chunk, row, input.width);
      while (active && load_marked(number) == unwritten) {
      }
      __syncwarp();
      proxy_fence();
      reach(state.begun, product);
    }
    // In the middle of an item, when there are chunks to multiply meanwhile, and before its last is asked for: it is
    // done when the item is.
    const int pause = max(asked, items.count / 2);
    for (; asked < items.count; ++asked) {
      if (asked == pause && kind == up && items.split == 0) unwrite_inner<NT>(a, state, layer, items.tile, lane);
      ask(asked);
    }
    while (prefetched < a.model.layers && product >= (prefetched - 1) * products_a_layer + up)
      prefetch_layer<NT, T>(a, state, prefetched++, lane);
  }
  reach(state.begun, every_product);
}

// Hands on what has come, once it is complete, and copies again what is not. By `checkers` warps, of which the calling
// one is number `self`, for a part of the stages each: a stage is always the same one's, for a warp that went ahead
// could take the round before for its own.
template <int NT>
__device__ void check_marked(const PassArguments& a, BlockState& state, char* ring, std::uint64_t* landed,
                             std::uint64_t* full, int self, int lane) {
  constexpr int bytes = NT * 1024, pieces = bytes / 32 / sizeof(uint4);
  static_assert(NT * 8 <= 32);  // all pieces of a lane are of one row
  const bool active = state.active_bits >> lane % (NT * 8) & 1;
  const std::uint64_t policy = policy_evict_last();
  RingPosition at;
  std::uint64_t* again = &state.copied_again[self];
  std::uint32_t parity = 0;
  for (Items items(a, state); items.next();) {
    const ProductInput input(a, state, items.product);
    for (int i = 0; i < items.count; ++i, at.next(a.plan.activation_stages)) {
      if (at.stage % checkers != self) continue;
      char* stage = ring + at.stage * bytes;
      barrier_wait(&landed[at.stage], at.parity);
      for (;;) {
        std::uint32_t most = 0;
#pragma unroll
        for (int piece = 0; piece < pieces; ++piece)
          most = max(most, largest(load_shared(stage + (piece * 32 + lane) * sizeof(uint4))));
        if (!__any_sync(0xFFFFFFFFu, active && most == unwritten)) break;
        if (lane == 0) {
          proxy_fence();
          shared_proxy_fence();
          barrier_expect(again, bytes);
          bulk_copy(stage, input.chunk<NT>(items.chunk(i)), bytes, again, policy);
        }
        barrier_wait(again, parity);
        parity ^= 1;
      }
      if (lane == 0) barrier_arrive(&full[at.stage]);
    }
  }
}

}  // namespace kandinsky::cuda
