#pragma once
#include "kernels/cuda/async_copy.cuh"
#include "kernels/cuda/attention_layout.cuh"
#include "kernels/cuda/block_state.cuh"
#include "kernels/cuda/items.cuh"

namespace kandinsky::cuda {

// Brings what a layer needs besides its matrices into the second-level cache ahead of time: while the matrices stream,
// a read from memory takes microseconds, and most of these reads depend on one another. (Not images' keys and
// values: those of many rows are so many that all else waits behind them. Of the norms' vectors, see NormRoom.)
template <int NT, typename T>
__device__ void prefetch_layer(const PassArguments& a, const BlockState& state, int i, int lane) {
  const Model& m = a.model;
  constexpr int line = 128;
  const int index = blockIdx.x * 32 + lane, lanes = state.workers * 32;
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

// The first layer's at once, each further one's while the one before makes `up`. By a warp.
template <int NT, typename T>
__device__ void prefetch_layers(const PassArguments& a, BlockState& state, int lane) {
  for (int i = 0; i < a.model.layers; ++i) {
    wait_reached(state.begun, (i - 1) * products_a_layer + up);
    prefetch_layer<NT, T>(a, state, i, lane);
  }
}

}  // namespace kandinsky::cuda
