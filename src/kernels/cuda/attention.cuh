#pragma once
#include <new>

#include "kernels/cuda/async_copy.cuh"
#include "kernels/cuda/block_state.cuh"
#include "kernels/cuda/items.cuh"
#include "kernels/cuda/marked.cuh"
#include "kernels/cuda/own_attention.cuh"
#include "kernels/cuda/stamped.cuh"
#include "kernels/cuda/text_fragments.cuh"

namespace kandinsky::cuda {

template <int NT, typename T, int HeadSize>
class Attention : OwnAttention<NT, T, HeadSize> {
  using Base = OwnAttention<NT, T, HeadSize>;
  using Base::b_;
  using Base::m_;
  using Base::made_;
  using Base::rows_here;
  using Base::scratch_;
  using Base::state_;
  using Base::team_;
  using Base::team_threads;
  using Base::thread_;
  using Base::warp_a_row;
  using Base::warps;
  using typename Base::FirstValues;
  using typename Base::Scratch;
  static constexpr int teams = attention_warps / warps;
  using Base::a_row_each;
  using Base::holds_values;
  using Base::shares_own;
  using typename Base::Values;
  static constexpr int key_blocks = TextFragments<T, HeadSize, warps>::key_blocks;
  static constexpr int key_steps = TextFragments<T, HeadSize, warps>::key_steps;
  static constexpr int value_tiles = TextFragments<T, HeadSize, warps>::value_tiles;
  static constexpr int value_steps = TextFragments<T, HeadSize, warps>::value_steps;
  static constexpr bool prepares = NT == 1;  // reads before the layer's queries are there
  // Reads values once the scores are there, which they take the registers of.
  static constexpr bool asks_values = NT == 1 && !holds_values;
  static constexpr bool holds_text = NT < 8;            // while it waits for them
  static constexpr int halves = rows_here > 8 ? 2 : 1;  // of eight rows, as the tensor cores take them

 public:
  static constexpr std::size_t scratch_bytes = teams * sizeof(Scratch);

  // Asks for what the first task reads of text, unless this pass makes it, and of the image, before the layer's queries
  // are there. `stamp`: of the layer's queries, keys and values.
  __device__ __forceinline__ Attention(const PassArguments& a, BlockState& state, char* scratch, int index,
                                       std::uint32_t stamp)
      : Base(a, state, reinterpret_cast<Scratch*>(scratch)[fresh_thread() / team_threads % teams], index, stamp,
             fresh_thread() / team_threads % teams),
        layer_(a.model.layer[index]),
        task_(fresh_block() + state.workers * team_) {
    text_.forget();  // undefined registers would be kept from layer to layer
    this->let_go();
    if (!prepares || a.texts || task_ >= m_.heads * groups_a_head) return;
    const int first = task_ / m_.heads * rows_here, head = task_ % m_.heads;
    const Row* row = nullptr;
    for (int r = rows_here - 1; r >= 0; --r)
      if (state_.row[first + r].position >= 0) row = &state_.row[first + r];
    if (row == nullptr) return;
    // Not before: what is asked for at once makes the block wait for the activations of `dense`.
    wait_reached(state_.multiplied, (index * products_a_layer - up) * product_parts);
    hold_text(*row, index, head);
    this->hold(state_.row + first, layer_, head);
  }

  // context = softmax(q k) v of every row and head.
  __device__ __forceinline__ void finish(int index) {
    for (; task_ < m_.heads * groups_a_head; task_ += state_.workers * teams) {
      attend(index, task_ % m_.heads, task_ / m_.heads * rows_here);
      held_text_ = nullptr;
      text_.forget();
      this->let_go();
    }
  }

 private:
  // Asks for a row's text, unless it is there.
  __device__ __forceinline__ void hold_text(const Row& row, int index, int head) {
    if (held_text_ == row.text_keys) return;
    held_text_ = row.text_keys;
    text_.load_keys(m_, row.text_keys, index, head, thread_);
    if constexpr (holds_values) text_.load_values(m_, row.text_values, index, head, thread_);
  }

  __device__ __forceinline__ int text_count(const Row& row) const {
    return row.slot < 0 ? row.position + 1 : m_.text_length;
  }

  // In the order in which the products make what it needs: of queries, the scores of all keys that were there before;
  // of the row's own key, the weights and all sums but that of its own value.
  __device__ __forceinline__ void attend(int index, int head, int first) {
    const Row* rows = state_.row + first;
    // Anew for each task: what follows from it would be kept, out of registers, from task to task.
    const int thread = thread_ = fresh_thread() % team_threads;
    const int warp = thread / 32, lane = thread % 32;
    unsigned active = 0;
#pragma unroll
    for (int r = 0; r < rows_here; ++r) active |= rows[r].position >= 0 ? 1u << r : 0u;
    if (active == 0) return;

    if (thread < rows_here && (active >> thread & 1))
      new (&scratch_.seen[thread]) ImageKeys<T>(m_, b_, rows[thread], layer_, head);
    this->wait_multiplied(index, 1);
    if constexpr (holds_text) hold_text(rows[__ffs(int(active)) - 1], index, head);
    this->receive_queries(head, first, active);
    team_sync<warps>(team_);
    load_queries();
    const auto for_my_rows = [&](const auto& visit) {
      const int mine = warp_a_row ? warp : warp / row_warps;
      if constexpr (rows_here <= Base::rows_at_once) {
        if (mine < rows_here && (active >> mine & 1)) visit(mine);
      } else {
        for (int r = mine; r < rows_here; r += Base::rows_at_once) {
          thread_ = fresh_thread() % team_threads;
          if (active >> r & 1) visit(r);
        }
      }
    };
    const auto score = [&] {
      for_prompts(rows, active, [&](const Row& of, unsigned mine) {
        hold_text(of, index, head);
        score_text(mine, warp, lane);
      });
      for_my_rows([&](int r) { this->score_row(r); });
    };
    const Row& of_first = rows[__ffs(int(active)) - 1];
    Values values{};
    if constexpr (shares_own) {
      const unsigned images = this->images_of(first, active);
      auto keys = this->ask_keys(head, first, images);  // while the scores of other keys are made: they may be there
      score();
      if constexpr (asks_values) for_my_rows([&](int r) { this->load_first_values(values, r); });
      this->receive_keys(keys, index, images);
    } else {
      score();
    }
    if constexpr (asks_values) text_.load_values(m_, of_first.text_values, index, head, thread_);
    team_sync<warps>(team_);
    const auto weigh = [&](int r) {
      const float own = this->score_own(head, first, r);
      __syncwarp();
      softmax(rows[r], r, lane, own);
      __syncwarp();
    };
    if constexpr (a_row_each) {
      FirstValues values{};
      const bool has_row = warp < rows_here && (active >> warp & 1);
      if (has_row) this->load_first_values(values, warp);
      text_.load_values(m_, of_first.text_values, index, head, thread_);
      this->wait_multiplied(index, 2);
      if (has_row) {
        weigh(warp);
        this->gather_own(warp, values);
      }
    } else if constexpr (warp_a_row) {
      for_my_rows([&](int r) {
        FirstValues values;
        this->load_first_values(values, r);
        this->wait_multiplied(index, 2);
        weigh(r);
        this->gather_own(r, values);
      });
    } else {
      for (int r = warp; r < rows_here; r += warps)
        if (active >> r & 1) weigh(r);
      team_sync<warps>(team_);
      for_my_rows([&](int r) { this->gather_shared(r, asks_values ? &values : nullptr); });
    }
    team_sync<warps>(team_);

    auto own_values = ask_values(head, first, active);
    float acc[value_tiles][4] = {};
    for_prompts(rows, active, [&](const Row& of, unsigned mine) {
      if constexpr (holds_values) {
        hold_text(of, index, head);
      } else if (!(a_row_each || asks_values) || (mine & active & -active) == 0) {
        text_.load_values(m_, of.text_values, index, head, fresh_thread() % team_threads);
      }
      gather_text(mine, lane, acc);
    });
    finish_rows(own_values, index, head, first, active, acc);
    if constexpr (!marks_activations(NT * 8)) proxy_fence();
    team_sync<warps>(team_);
    if constexpr (!marks_activations(NT * 8))
      if (thread == 0) count_up(b_.meeting->attended);
  }

  // The rows' own values as the threads of finish_rows need them: biases, and the parts, asked for if few.
  static constexpr int value_pairs = value_tiles * halves;
  __device__ __forceinline__ int value_row(int i) const { return thread_ % 32 / 4 + i % halves * 8; }
  __device__ __forceinline__ int value_dim(int i) const {
    return (thread_ / 32 * value_tiles + i / halves) * 8 + thread_ % 4 * 2;
  }
  __device__ __forceinline__ bool has_value(int i, unsigned active) const {
    return value_row(i) < rows_here && (active >> value_row(i) & 1) && value_dim(i) < m_.head_size;
  }
  __device__ __forceinline__ bool has_own_value(int i, int first, unsigned active) const {
    return has_value(i, active) && state_.row[first + value_row(i)].slot >= 0;
  }
  __device__ __forceinline__ auto ask_values(int head, int first, unsigned active) {
    thread_ = fresh_thread() % team_threads;
    auto own = made_.template parts<value_pairs, Base::template together<value_pairs>>(
        QueryKeyValue::value, [&](int i) { return has_own_value(i, first, active); },
        [&](int i) { return first + value_row(i); }, [&](int i) { return head * m_.head_size + value_dim(i); });
    if constexpr (shares_own) own.ask();
    return own;
  }

  // What the rows' own values add, which go to the cache, and the sums of all weights.
  template <typename OwnValues>
  __device__ __forceinline__ void finish_rows(OwnValues& own, int index, int head, int first, unsigned active,
                                              const float (&acc)[value_tiles][4]) const {
    const bool came = shares_own && __all_sync(0xFFFFFFFFu, own.came());
    if (!came) this->wait_multiplied(index, 3);
    own.add(came);
#pragma unroll
    for (int i = 0; i < value_pairs; ++i) {
      if (!has_value(i, active)) continue;
      const int r = value_row(i), d = value_dim(i);
      float2 image = *reinterpret_cast<const float2*>(scratch_.values[r][0] + d);
      if constexpr (Scratch::value_parts > 1) {
        const auto& parts = scratch_.values[r];
        image = (image + *reinterpret_cast<const float2*>(parts[1] + d)) +
                (*reinterpret_cast<const float2*>(parts[2] + d) + *reinterpret_cast<const float2*>(parts[3] + d));
      }
      if (has_own_value(i, first, active)) {
        const std::uint32_t pair = pack_pair<T>(own.sums[i].x, own.sums[i].y);
        const ImageKeys<T>& seen = scratch_.seen[r];
        *reinterpret_cast<std::uint32_t*>(seen.values + (seen.newest * m_.head_size + d)) = pair;
        const float2 v = widen_pair<T>(pair);
        const float weight = scratch_.own_weight[r];
        image = {fmaf(weight, v.x, image.x), fmaf(weight, v.y, image.y)};
      }
      const float inverse = scratch_.inverse[r];
      const float* text = acc[i / halves] + i % halves * 2;
      const std::uint32_t pair = pack_pair<T>((text[0] + image.x) * inverse, (text[1] + image.y) * inverse);
      const int k = head * m_.head_size + d, row = first + r;
      if constexpr (marks_activations(NT * 8)) {
        const MarkedTurn turn(b_.context, b_.rows, m_.hidden, state_.layer_turn + index);
        const unsigned place = marked_place<NT>(k, row, m_.hidden);
        store_marked(turn.now() + place, pair);
        store_marked(turn.before() + place, unwritten);
      } else {
        *reinterpret_cast<std::uint32_t*>(static_cast<T*>(b_.context) + activation_offset(k, row, NT)) = pair;
      }
    }
  }

  // visit(a row of the prompt, which rows are of it) for every prompt among the rows.
  template <typename Visit>
  __device__ __forceinline__ void for_prompts(const Row* rows, unsigned active, const Visit& visit) const {
    while (active != 0) {
      const Row& of = rows[__ffs(int(active)) - 1];
      unsigned mine = 0;
#pragma unroll
      for (int r = 0; r < rows_here; ++r)
        if ((active >> r & 1) && rows[r].text_keys == of.text_keys) mine |= 1u << r;
      visit(of, mine);
      active &= ~mine;
    }
  }

  __device__ __forceinline__ void load_queries() {
    const int lane = thread_ % 32;
#pragma unroll
    for (int half = 0; half < halves; ++half)
#pragma unroll
      for (int step = 0; step < key_steps; ++step) {
        const int r = lane / 4 + half * 8, d = step * 32 + lane % 4 * 8;
        queries_[half][step] = r < rows_here && d < m_.head_size ? load_shared(scratch_.query[r] + d) : uint4{};
      }
  }

  __device__ __forceinline__ void score_text(unsigned mine, int warp, int lane) {
#pragma unroll
    for (int block = 0; block < key_blocks; ++block)
#pragma unroll
      for (int tile = 0; tile < 2; ++tile) {
        float acc[4] = {};
#pragma unroll
        for (int step = 0; step < key_steps; ++step)
          multiply_32(acc, queries_[0][step], halves == 2 ? queries_[halves - 1][step] : uint4{},
                      text_.keys[block][tile][step], T{});
        const int key = (block * warps + warp) * 16 + tile * 8 + lane % 4 * 2;
#pragma unroll
        for (int half = 0; half < 2; ++half)
          if (const int r = lane / 4 + half * 8; r < rows_here && (mine >> r & 1))
            *reinterpret_cast<float2*>(&scratch_.scores[r][key]) = {acc[half * 2], acc[half * 2 + 1]};
      }
  }

  // Scores to weights, by a warp.
  __device__ __forceinline__ void softmax(const Row& row, int r, int lane, float own_score) {
    const int texts = text_count(row), images = scratch_.seen[r].count, own = scratch_.seen[r].own();
    constexpr int text_each = most_text / 32, image_each = most_image_keys / 32;
    float text[text_each], image[image_each], largest = -INFINITY, sum = 0;
#pragma unroll
    for (int i = 0; i < text_each; ++i) {
      text[i] = lane + 32 * i < texts ? scratch_.scores[r][lane + 32 * i] : -INFINITY;
      largest = fmaxf(largest, text[i]);
    }
#pragma unroll
    for (int i = 0; i < image_each; ++i) {
      const int j = lane + 32 * i;
      image[i] = j >= images ? -INFINITY : j == own ? own_score : scratch_.image[r][j];
      largest = fmaxf(largest, image[i]);
    }
#pragma unroll
    for (int offset = 16; offset > 0; offset /= 2)
      largest = fmaxf(largest, __shfl_xor_sync(0xFFFFFFFFu, largest, offset));
#pragma unroll
    for (int i = 0; i < text_each; ++i) {
      text[i] = __expf(text[i] - largest);
      sum += text[i];
      scratch_.weights[r][lane + 32 * i] = narrow<T>(text[i]);
    }
    __syncwarp();  // the scores are read
#pragma unroll
    for (int i = 0; i < image_each; ++i) {
      image[i] = __expf(image[i] - largest);
      sum += image[i];
      const int j = lane + 32 * i;
      if (j == own) scratch_.own_weight[r] = widen(narrow<T>(image[i]));
      this->image_weights(r)[Base::weight_place(j)] = narrow<T>(j == own ? 0.0f : image[i]);
    }
#pragma unroll
    for (int offset = 16; offset > 0; offset /= 2) sum += __shfl_xor_sync(0xFFFFFFFFu, sum, offset);
    if (lane == 0) scratch_.inverse[r] = 1.0f / sum;
  }

  __device__ __forceinline__ void gather_text(unsigned mine, int lane, float (&acc)[value_tiles][4]) {
#pragma unroll
    for (int step = 0; step < value_steps; ++step) {
      uint4 weights[2];
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const int r = lane / 4 + half * 8;
        weights[half] = r < rows_here && (mine >> r & 1)
                            ? *reinterpret_cast<const uint4*>(&scratch_.weights[r][step * 32 + lane % 4 * 8])
                            : uint4{};
      }
#pragma unroll
      for (int tile = 0; tile < value_tiles; ++tile)
        multiply_32(acc[tile], weights[0], weights[1], text_.values[tile][step], T{});
    }
  }

  ImageCache layer_;
  int task_;
  const void* held_text_ = nullptr;  // the text whose fragments are held
  uint4 queries_[halves][key_steps];
  TextFragments<T, HeadSize, warps> text_;
};

// A layer, by the threads that attend.
template <int NT, typename T, int HeadSize>
__device__ __forceinline__ void attend_layer(const PassArguments& a, BlockState& state, char* scratch, int i) {
  Attention<NT, T, HeadSize> attention(a, state, scratch, i, state.stamp + 2 * i);
  if (a.texts) {
    wait_reached(state.multiplied, (i * products_a_layer + 1) * product_parts);
    wait_for(a.buffers.meeting->texts, blocks_of(state, tiles_of(3 * a.model.hidden)) * (i + 1));
  }
  attention.finish(i);
}

}  // namespace kandinsky::cuda
