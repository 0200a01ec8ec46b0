#pragma once
#include "kernels/cuda/async_copy.cuh"
#include "kernels/cuda/attention_layout.cuh"
#include "kernels/cuda/block_state.cuh"
#include "kernels/cuda/items.cuh"
#include "kernels/cuda/stamped.cuh"

namespace kandinsky::cuda {

// The activations of more rows than are marked, a bulk copy a chunk, once the counters say that they are complete. By a
// thread.
template <int NT>
__device__ void copy_counted(const PassArguments& a, BlockState& state, char* ring, std::uint64_t* full,
                             std::uint64_t* empty) {
  constexpr int bytes = NT * 1024;
  const Model& m = a.model;
  Meeting& meeting = *a.buffers.meeting;
  RingPosition at;
  at.parity = 1;
  const std::uint64_t policy = policy_evict_last();
  int product = -1;
  const char* from = nullptr;
  for (Items items(a, state); items.next();) {
    if (product != items.product) {
      product = items.product;
      const unsigned layer = product / products_a_layer;
      switch (product % products_a_layer) {
        case dense:
          from = static_cast<const char*>(a.buffers.context);
          wait_for(meeting.attended, attention_tasks<NT>(m, state.active_bits) * (layer + 1));
          break;
        case down:
          from = static_cast<const char*>(a.buffers.inner);
          wait_for(meeting.widened, blocks_of(state, tiles_of(4 * m.hidden)) * (layer + 1));
          break;
        default:
          from = static_cast<const char*>(a.buffers.activations);
          wait_for(meeting.normed, state.rows * (product % products_a_layer == up ? 2 * layer + 2 : 2 * layer + 1));
      }
      proxy_fence();
      reach(state.begun, product);
    }
    for (int i = 0; i < items.count; ++i) {
      barrier_wait(&empty[at.stage], at.parity);
      barrier_expect(&full[at.stage], bytes);
      bulk_copy(ring + at.stage * bytes, from + std::size_t(items.chunk(i)) * bytes, bytes, &full[at.stage], policy);
      at.next(a.plan.activation_stages);
    }
  }
  reach(state.begun, every_product);
}

}  // namespace kandinsky::cuda
