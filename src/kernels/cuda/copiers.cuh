#pragma once
// What the warps of a block do that do not multiply: copies into the rings, and prefetching.
#include "kernels/cuda/async_copy.cuh"
#include "kernels/cuda/attention.cuh"
#include "kernels/cuda/block_state.cuh"
#include "kernels/cuda/items.cuh"
#include "kernels/cuda/product.cuh"
#include "kernels/cuda/stamped.cuh"

namespace kandinsky::cuda {

// Brings what a layer needs besides its matrices into the second-level cache ahead of time: while the matrices stream,
// a read from memory takes microseconds, and most of these reads depend on one another. (Not images' keys and
// values: those of many rows are so many that all else waits behind them. Of the norms' vectors, see NormRoom.)
template <int NT, typename T>
__device__ void prefetch_layers(const PassArguments& a, BlockState& state, int lane) {
  const Model& m = a.model;
  constexpr int line = 128;
  const int index = blockIdx.x * 32 + lane, lanes = state.workers * 32;
  for (int i = 0; i < m.layers; ++i) {
    wait_reached(state.begun, (i - 1) * products_a_layer + up);
    const Layer& layer = m.layer[i];
    const struct {
      const float* at;
      int count;
    } vectors[] = {{layer.query_key_value.bias, 3 * m.hidden}, {layer.up.bias, 4 * m.hidden}};
    int start = 0;
    for (const auto& vector : vectors) {
      const int lines_here = (vector.count * 4 + line - 1) / line;
      int mine = index - start % lanes;
      if (mine < 0) mine += lanes;
      for (; mine < lines_here; mine += lanes)
        prefetch(reinterpret_cast<const char*>(vector.at) + std::size_t(mine) * line);
      start += lines_here;
    }
    const std::size_t key_bytes = std::size_t(m.head_size) * sizeof(T);
    for (int task = blockIdx.x; task < m.heads * groups_a_head; task += state.workers) {
      const int head = task % m.heads, first = task / m.heads * group_rows<NT>;
      const void* newest_text = nullptr;
      for (int r = first; r < first + group_rows<NT>; ++r) {
        const Row& row = state.row[r];
        if (row.position < 0) continue;
        const std::size_t text = (std::size_t(i * m.heads + head) * m.text_length) * key_bytes;
        if (row.text_keys != newest_text)
          for (std::size_t at = std::size_t(lane) * line; at < m.text_length * key_bytes; at += 32 * line) {
            prefetch(static_cast<const char*>(row.text_keys) + text + at);
            prefetch(static_cast<const char*>(row.text_values) + text + at);
          }
        newest_text = row.text_keys;
      }
    }
  }
}

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

// The activations of products, from where they lie plain, as soon as the counters say that they are complete.
template <int NT>
__device__ void copy_activations(const PassArguments& a, BlockState& state, char* ring, std::uint64_t* full,
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

// Of N pairs of stamped words, those wanted(i), which lie at from(i): four numbers each.
template <int N, typename Wanted, typename From>
__device__ __forceinline__ void receive_numbers(uint2 (&numbers)[N], const Wanted& wanted, const From& from,
                                                std::uint32_t stamp) {
  StampedPair pairs[N];
  receive(pairs, wanted, from, stamp);
#pragma unroll
  for (int i = 0; i < N; ++i) numbers[i] = pairs[i].data();
}

// Likewise what the two parts of `up` make, which stand `distance` words apart.
template <typename T, int N, typename Wanted, typename From>
__device__ __forceinline__ void receive_widened(uint2 (&numbers)[N], const Wanted& wanted, const From& from,
                                                unsigned distance, std::uint32_t stamp) {
  StampedSums parts[N * most_up_splits];
  receive_sums(
      parts, [&](int i) { return wanted(i / most_up_splits); },
      [&](int i) { return from(i / most_up_splits) + i % most_up_splits * distance; }, stamp);
#pragma unroll
  for (int i = 0; i < N; ++i) {
    const float4 sums = parts[2 * i].data() + parts[2 * i + 1].data();
    numbers[i] = pack_quad<T>({gelu(sums.x), gelu(sums.y), gelu(sums.z), gelu(sums.w)});
  }
}
static_assert(most_up_splits == 2);

// The same from stamped words, by `receivers` warps in turn, of which the calling one is number `self`.
constexpr int receivers = 2;
template <typename T>
__device__ void receive_activations(const PassArguments& a, BlockState& state, char* ring, std::uint64_t* full,
                                    std::uint64_t* empty, int self, int lane) {
  constexpr int bytes = 1024, pieces = 4;  // a piece: four numbers of a row, two stamped words
  constexpr int row_pieces = k_chunk / 4;
  const Model& m = a.model;
  const int k0 = lane % row_pieces * 4;
  const int chunks_a_batch = max(1, 2 * pieces / state.rows);
  int chunk_of[pieces], row_of[pieces];  // of the lane's pieces: within a batch; the row, or -1
#pragma unroll
  for (int i = 0; i < pieces; ++i) {
    const int unit = i * 2 + lane / row_pieces;
    chunk_of[i] = unit / state.rows;
    row_of[i] = chunk_of[i] < chunks_a_batch ? state.active[unit % state.rows] : -1;
  }
  RingPosition at;
  at.parity = 1;
  const StampedWord* from = nullptr;
  int width = 0, product = -1, batch = 0;
  std::uint32_t stamp = 0;
  for (Items items(a, state); items.next();) {
    const bool begins = product != items.product;
    if (begins) {
      product = items.product;
      const int kind = product % products_a_layer, layer = product / products_a_layer;
      from = static_cast<const StampedWord*>(kind == dense  ? a.buffers.context
                                             : kind == down ? a.buffers.inner
                                                            : a.buffers.activations);
      width = kind == down ? 4 * m.hidden : m.hidden;
      stamp = state.stamp + 2 * layer + (kind == up);
    }
    for (int first = 0; first < items.count; first += chunks_a_batch, ++batch) {
      const int count = min(chunks_a_batch, items.count - first);
      const bool leads = begins && first == 0;
      if (batch % receivers != self) {
        at.skip(count, a.plan.activation_stages);
        continue;
      }
      if (!leads) wait_reached(state.begun, product);  // what is asked for in vain slows everybody down
      int k[pieces];
#pragma unroll
      for (int i = 0; i < pieces; ++i) k[i] = items.chunk(first + min(chunk_of[i], count - 1)) * k_chunk + k0;
      const auto wanted = [&](int i) { return row_of[i] >= 0 && chunk_of[i] < count && k[i] < width; };
      const auto where = [&](int i) { return from + unsigned(row_of[i] * width + k[i]) / 2; };
      uint2 got[pieces];
      if (m.up_splits > 1 && product % products_a_layer == down)
        receive_widened<T>(got, wanted, where, unsigned(a.buffers.rows) * width / 2, stamp);
      else
        receive_numbers(got, wanted, where, stamp);
      if (leads) reach(state.begun, product);
      RingPosition stage = at;
      for (int i = 0; i < count; ++i) {
        barrier_wait(&empty[stage.stage], stage.parity);
        stage.next(a.plan.activation_stages);
      }
#pragma unroll
      for (int i = 0; i < pieces; ++i) {
        if (row_of[i] < 0 || chunk_of[i] >= count) continue;
        RingPosition to = at;
        to.skip(chunk_of[i], a.plan.activation_stages);
        *reinterpret_cast<uint2*>(ring + to.stage * bytes + activation_offset(k0, row_of[i], 1) * 2) =
            wanted(i) ? got[i] : uint2{};
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
