#pragma once
#include "kernels/cuda/async_copy.cuh"
#include "kernels/cuda/block_state.cuh"
#include "kernels/cuda/items.cuh"

namespace kandinsky::cuda {

// The weights of the calling block's products, a stage for each chunk. What is asked for beyond what keeps the memory
// busy only makes everybody else's reads wait: those between two products above all, of which each depends on the one
// before. So fewer stages are under way at a time while nobody multiplies. Stages land about in the order in which they
// are asked for: once the one so many before has landed, about so many are under way.
inline __device__ void copy_weights(const PassArguments& a, BlockState& state, char* ring, std::uint64_t* full,
                                    std::uint64_t* empty) {
  const int stages = a.plan.stages;
  const int between = state.rows <= a.plan.few_rows ? a.plan.ahead_between : a.plan.ahead_between_many;
  const std::uint64_t policy = policy_evict_first();
  RingPosition at;
  int product = -1, ahead = 0;
  bool begun = false;
  const char *weights = nullptr, *next = weights_of(a, 0);
  for (Items items(a, state); items.next();) {
    while (product < items.product) {
      weights = next;
      next = weights_of(a, ++product + 1);  // long before it is needed
      ahead = product % products_a_layer == query_key_value ? a.plan.ahead_attended : a.plan.ahead;
      begun = false;
    }
    const char* tile = weights + std::size_t(items.tile) * items.chunks * stage_bytes;
    for (int i = 0; i < items.count; ++i) {
      barrier_wait(&empty[at.stage], at.parity ^ 1);  // the ring starts out empty
      RingPosition before = at.before(between, stages);
      while (!begun && !barrier_passed(&full[before.stage], before.parity)) begun = glance(state.begun) >= product;
      if (begun) {
        before = at.before(ahead, stages);
        barrier_wait(&full[before.stage], before.parity);
      }
      barrier_expect(&full[at.stage], stage_bytes);
      bulk_copy(ring + at.stage * stage_bytes, tile + items.chunk(i) * stage_bytes, stage_bytes, &full[at.stage],
                policy);
      at.next(stages);
    }
  }
}

}  // namespace kandinsky::cuda
