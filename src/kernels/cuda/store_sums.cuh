#pragma once
#include "kernels/cuda/block_state.cuh"
#include "kernels/cuda/device_math.cuh"
#include "kernels/cuda/items.cuh"
#include "kernels/cuda/marked.cuh"
#include "kernels/cuda/product.cuh"
#include "kernels/cuda/query_key_value.cuh"
#include "kernels/cuda/stamped.cuh"
#include "kernels/cuda/text_fragments.cuh"

namespace kandinsky::cuda {

// Where a work item's sums go. A thread stores four outputs that follow each other, from `output` on, of every eighth
// row (see gather_quad): all threads of a warp to the end, also those past the last output, for lanes trade sums, and a
// branch that might part them costs the loop that multiplies its uniform registers.
template <int NT, typename T>
class StoreSums {
 public:
  using Sums = float[NT][4];
  __device__ __forceinline__ StoreSums(const PassArguments& a, const BlockState& state)
      : m_(a.model), b_(a.buffers), state_(state) {}

  // One of the parts that make `outputs` sums.
  __device__ __forceinline__ void part(Sums& acc, StampedWord* parts, int outputs, int output, int split,
                                       std::uint32_t stamp) const {
    StampedWord* to = parts + (std::size_t(split) * b_.rows * outputs + output) / 2;
    each_row(acc, [=](int n, const float4& sums) {
      if (output < outputs) StampedSums::store(to + unsigned(n) * (outputs / 2), sums, stamp);
    });
  }

  // Of `up`, a part of which has no bias but the first. Of two parts, those of few rows go each to all blocks, which
  // add them; of more rows a block has both, and adds as those do.
  __device__ __forceinline__ void inner(Sums& acc, int layer, int output, int split, std::uint32_t stamp) const {
    const int outputs = 4 * m_.hidden;
    const bool in_parts = m_.up_splits > 1;
    const float4 bias = split == 0 ? at(state_.bias, output % row_tile) : float4{};
    each_row(acc, [&](int n, float4 sums) {
      if (output >= outputs) return;
      sums = sums + bias;
      if (in_parts) {
        if constexpr (parts_up(NT * 8)) {
          auto* part = static_cast<StampedWord*>(b_.inner) + std::size_t(split) * b_.rows * outputs / 2;
          StampedSums::store(part + (unsigned(n) * outputs + output) / 2, sums, stamp);
          return;
        }
        auto* first = reinterpret_cast<float4*>(b_.first_up + std::size_t(n) * outputs + output);
        sums = StampedSums::cut(sums);
        if (split == 0) {
          *first = sums;
          return;
        }
        sums = *first + sums;
      }
      const uint2 numbers = pack_quad<T>({gelu(sums.x), gelu(sums.y), gelu(sums.z), gelu(sums.w)});
      if constexpr (marks_activations(NT * 8)) {
        const MarkedTurn turn(b_.inner, b_.rows, outputs, state_.layer_turn + layer);
        const unsigned place = marked_place<NT>(output, n, outputs);
        store_marked(turn.now() + place, numbers);
        if constexpr (receives_rows(NT * 8)) store_marked(turn.before() + place, {unwritten, unwritten});
      } else {
        *reinterpret_cast<uint2*>(static_cast<T*>(b_.inner) + activation_offset(output, n, NT)) = numbers;
      }
    });
  }

  // Queries, keys and values of texts, which are not made in parts.
  __device__ __forceinline__ void texts(Sums& acc, int layer, const float* biases, int output,
                                        std::uint32_t stamp) const {
    const int third = output / m_.hidden, f = output - third * m_.hidden;
    const int head = f / m_.head_size, d = f % m_.head_size;
    const std::size_t of_head = std::size_t(layer * m_.heads + head) * m_.text_length * m_.head_size;
    const float4 bias = at(biases, output);
    each_row(acc, [&](int n, const float4& sums) {
      if (third == QueryKeyValue::query)
        StampedSums::store(b_.query_key_value + (std::size_t(n) * 3 * m_.hidden + output) / 2, sums, stamp);
      if (third != QueryKeyValue::key && third != QueryKeyValue::value) return;
      const uint2 numbers = pack_quad<T>(sums + bias);
      const Row& row = state_.row[n];
      if (third == QueryKeyValue::key) {
        T* key = static_cast<T*>(row.text_keys) + of_head + std::size_t(row.position) * m_.head_size + d;
        *reinterpret_cast<uint2*>(key) = numbers;
        return;
      }
      auto* values = static_cast<std::uint16_t*>(row.text_values) + of_head;
      for (int i = 0; i < 4; ++i)
        values[text_value_offset(m_, row.position, d + i)] =
            static_cast<std::uint16_t>((i < 2 ? numbers.x : numbers.y) >> i % 2 * 16);
    });
  }

  __device__ __forceinline__ void logits(Sums& acc, int output) const {
    const float4 bias = at(state_.bias, output % row_tile);
    const unsigned stride = tiles_of(m_.image_vocab) * row_tile;
    each_row(acc, [&](int n, const float4& sums) {
      *reinterpret_cast<float4*>(b_.logits + n * stride + output) = sums + bias;
    });
  }

 private:
  // visit(row, sums of four outputs) for every row of this thread that is not idle.
  template <typename Visit>
  __device__ __forceinline__ void each_row(Sums& acc, const Visit& visit) const {
    const int n = row_of_quad(unsigned(fresh_thread()) % 32);  // else what follows from it, of every row, would be kept
    const std::uint64_t mine = state_.active_bits >> n;
#pragma unroll
    for (int nt = 0; nt < NT; ++nt) {
      gather_quad(acc[nt]);
      if (mine >> nt * 8 & 1) visit(nt * 8 + n, float4{acc[nt][0], acc[nt][1], acc[nt][2], acc[nt][3]});
    }
  }

  const Model& m_;
  const Buffers& b_;
  const BlockState& state_;
};

}  // namespace kandinsky::cuda
