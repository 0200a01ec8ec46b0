#pragma once
#include "kernels/cuda/async_copy.cuh"
#include "kernels/cuda/block_state.cuh"
#include "kernels/cuda/items.cuh"
#include "kernels/cuda/marked.cuh"
#include "kernels/cuda/product.cuh"
#include "kernels/cuda/product_input.cuh"
#include "kernels/cuda/stamped.cuh"

namespace kandinsky::cuda {

// Of N times eight numbers, those wanted(i), which lie at from(i), what the two parts of `up` make, a part `distance`
// words after the other.
template <typename T, int N, typename Wanted, typename From>
__device__ __forceinline__ void receive_widened(uint4 (&numbers)[N], const Wanted& wanted, const From& from,
                                                unsigned distance, std::uint32_t stamp) {
  constexpr int quads = 2;
  StampedSums parts[N * quads * most_up_splits];
  receive_sums(
      parts, [&](int i) { return wanted(i / (quads * most_up_splits)); },
      [&](int i) { return from(i / (quads * most_up_splits)) + i / quads % most_up_splits * distance + i % quads * 2; },
      stamp);
#pragma unroll
  for (int i = 0; i < N; ++i) {
    uint2 packed[quads];
#pragma unroll
    for (int quad = 0; quad < quads; ++quad) {
      const StampedSums* of_quad = parts + i * quads * most_up_splits + quad;
      const float4 sums = of_quad[0].data() + of_quad[quads].data();
      packed[quad] = pack_quad<T>({gelu(sums.x), gelu(sums.y), gelu(sums.z), gelu(sums.w)});
    }
    numbers[i] = {packed[0].x, packed[0].y, packed[1].x, packed[1].y};
  }
}
static_assert(most_up_splits == 2);

// The activations of eight rows at most, by `receivers` warps in turn, of which the calling one is number `self`.
constexpr int receivers = 2;
template <typename T>
__device__ void receive_activations(const PassArguments& a, BlockState& state, char* ring, std::uint64_t* full,
                                    std::uint64_t* empty, int self, int lane) {
  constexpr int bytes = 1024, pieces = 2, chunk_pieces = k_chunk / marked_piece;
  const Model& m = a.model;
  const int chunks_a_batch = max(1, 32 * pieces / (chunk_pieces * state.rows));
  int row_of[pieces], k_of[pieces], chunk_of[pieces];  // of the lane's pieces: within a chunk, within a batch
#pragma unroll
  for (int i = 0; i < pieces; ++i) {
    const int unit = i * 32 + lane, block = unit / state.rows;
    row_of[i] = state.active[unit - block * state.rows];
    k_of[i] = block % chunk_pieces * marked_piece;
    chunk_of[i] = block / chunk_pieces;
    if (chunk_of[i] >= chunks_a_batch) chunk_of[i] = 0x7FFF;  // no piece
  }
  RingPosition at;
  at.parity = 1;
  int product = -1, batch = 0;
  for (Items items(a, state); items.next();) {
    const bool begins = product != items.product, strays = items.product - product > products_apart;
    const int before = product;
    product = items.product;
    const ProductInput input(a, state, product);
    for (int first = 0; first < items.count; first += chunks_a_batch, ++batch) {
      const int count = min(chunks_a_batch, items.count - first);
      const bool leads = begins && first == 0;
      if (batch % receivers != self) {
        at.skip(count, a.plan.activation_stages);
        continue;
      }
      // What is asked for in vain slows everybody down; and what the block had a part in before may have been the other
      // warp's alone, which this one is not to overtake.
      wait_reached(state.begun, leads ? before : product);
      if (leads && strays) {
        wait_norm(*a.buffers.meeting, input.norm);
        __syncwarp();
      }
      int k[pieces];
#pragma unroll
      for (int i = 0; i < pieces; ++i) k[i] = items.chunk(first + min(chunk_of[i], count - 1)) * k_chunk + k_of[i];
      const auto wanted = [&](int i) { return chunk_of[i] < count && k[i] < input.width; };
      const auto place = [&](int i) { return marked_place<1>(k[i], row_of[i], input.width); };
      uint4 got[pieces];
      if (m.up_splits > 1 && product % products_a_layer == down)
        receive_widened<T>(
            got, wanted, [&](int i) { return static_cast<const StampedWord*>(a.buffers.inner) + place(i) / 2; },
            unsigned(a.buffers.rows) * input.width / 2, state.stamp + 2 * (product / products_a_layer));
      else
        receive_marked(
            got, wanted, [&](int i) { return input.numbers + place(i); }, input.numbers);
      if (leads) reach(state.begun, product);
      RingPosition stage = at;
      for (int i = 0; i < count; ++i) {
        barrier_wait(&empty[stage.stage], stage.parity);
        stage.next(a.plan.activation_stages);
      }
#pragma unroll
      for (int i = 0; i < pieces; ++i) {
        if (chunk_of[i] >= count) continue;
        RingPosition to = at;
        to.skip(chunk_of[i], a.plan.activation_stages);
        *reinterpret_cast<uint4*>(ring + to.stage * bytes + activation_offset(k_of[i], row_of[i], 1) * 2) =
            wanted(i) ? got[i] : uint4{};
      }
      shared_proxy_fence();
      __syncwarp();
      for (int i = 0; i < count; ++i) {  // all lanes, for tools that look for races follow none that arrives for others
        barrier_arrive(&full[at.stage]);
        at.next(a.plan.activation_stages);
      }
    }
  }
  if (self == 0) reach(state.begun, every_product);
}

}  // namespace kandinsky::cuda
