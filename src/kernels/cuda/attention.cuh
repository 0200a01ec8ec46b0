#pragma once
#include <new>

#include "kernels/cuda/async_copy.cuh"
#include "kernels/cuda/block_state.cuh"
#include "kernels/cuda/image_attention.cuh"
#include "kernels/cuda/items.cuh"
#include "kernels/cuda/stamped.cuh"
#include "kernels/cuda/text_fragments.cuh"

namespace kandinsky::cuda {

template <int NT, typename T, int HeadSize>
class Attention : ImageAttention<NT, T, HeadSize> {
  using Base = ImageAttention<NT, T, HeadSize>;
  using Base::b_;
  using Base::m_;
  using Base::received;
  using Base::rows_here;
  using Base::scratch_;
  using Base::team_threads;
  using Base::thread_;
  using Base::warp_a_row;
  using Base::warps;
  using typename Base::FirstValues;
  using typename Base::Own;
  using typename Base::Scratch;
  static constexpr int teams = attention_warps / warps;
  static constexpr bool prepares = NT <= 2;  // reads a text before the layer's queries are there
  using Base::a_row_each;
  using Base::holds_values;
  static constexpr int halves = rows_here > 8 ? 2 : 1;  // of eight rows, as the tensor cores take them

 public:
  static constexpr std::size_t scratch_bytes = teams * sizeof(Scratch);

  // Asks for what the first task reads of text, unless this pass makes it, and of the image. `stamp`: of the layer's
  // queries, keys and values, and of what comes out.
  __device__ __forceinline__ Attention(const PassArguments& a, const Row* rows, char* scratch, int index,
                                       std::uint32_t stamp)
      : Base(a, reinterpret_cast<Scratch*>(scratch)[fresh_thread() / team_threads % teams]),
        rows_(rows),
        layer_(a.model.layer[index]),
        stamp_(stamp),
        workers_(a.workers),
        team_(fresh_thread() / team_threads % teams),
        task_(int(blockIdx.x) + workers_ * team_) {
    if (task_ >= m_.heads * groups_a_head) return;
    const int first = task_ / m_.heads * rows_here, head = task_ % m_.heads;
    const Row* row = nullptr;
    for (int r = rows_here - 1; r >= 0; --r)
      if (rows_[first + r].position >= 0) row = &rows_[first + r];
    if (row == nullptr || row->slot < 0) return;
    if constexpr (prepares) {
      prepared_ = row->text_keys;
      load_text(row->text_keys, row->text_values, index, head);
    }
    this->hold(rows_ + first, layer_, head);
  }

  // When queries, keys and values are about to come.
  __device__ __forceinline__ void prefetch() const {
    if (task_ < m_.heads * groups_a_head)
      this->prefetch_rows(rows_ + task_ / m_.heads * rows_here, layer_, task_ % m_.heads);
  }

  // context = softmax(q k) v of every row and head.
  __device__ __forceinline__ void finish(int index) {
    for (; task_ < m_.heads * groups_a_head; task_ += workers_ * teams) {
      attend(index, task_ % m_.heads, task_ / m_.heads * rows_here);
      prepared_ = nullptr;
      text_.forget();
      this->let_go();
    }
  }

 private:
  __device__ __forceinline__ void load_text(const void* keys, const void* values, int index, int head) {
    text_.load_keys(m_, keys, index, head, thread_);
    if constexpr (holds_values) text_.load_values(m_, values, index, head, thread_);
  }

  __device__ __forceinline__ int text_count(const Row& row) const {
    return row.slot < 0 ? row.position + 1 : m_.text_length;
  }

  __device__ __forceinline__ void attend(int index, int head, int first) {
    const Row* rows = rows_ + first;
    // Anew for each task: what follows from it would be kept, out of registers, from task to task.
    const int thread = thread_ = fresh_thread() % team_threads;
    const int warp = thread / 32, lane = thread % 32;
    unsigned active = 0;
#pragma unroll
    for (int r = 0; r < rows_here; ++r) active |= rows[r].position >= 0 ? 1u << r : 0u;
    if (active == 0) return;

    if (thread < rows_here && (active >> thread & 1))
      new (&scratch_.seen[thread]) ImageKeys<T>(m_, b_, rows[thread], layer_, head);
    receive_own(head, first, active);
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
    const bool has_row = warp < rows_here && (active >> warp & 1);
    if constexpr (!warp_a_row) for_my_rows([&](int r) { this->score_row(r); });
    for_prompts(rows, active, [&](const Row& of, unsigned mine) {
      if (!prepares || prepared_ != of.text_keys) load_text(of.text_keys, of.text_values, index, head);
      prepared_ = of.text_keys;
      score_text(mine, warp, lane);
    });
    team_sync<warps>(team_);
    const auto finish_row = [&](int r, FirstValues& values) {
      __syncwarp();
      softmax(rows[r], r, lane);
      __syncwarp();
      this->gather_own(r, values);
    };
    if constexpr (a_row_each) {
      FirstValues values;
      if (has_row) {
        this->score_row(warp);
        this->load_first_values(values, warp);
      }
      text_.load_values(m_, rows[__ffs(int(active)) - 1].text_values, index, head, thread_);
      if (has_row) finish_row(warp, values);
    } else if constexpr (warp_a_row) {
      for_my_rows([&](int r) {
        FirstValues values;
        this->load_first_values(values, r);
        this->score_row(r);
        finish_row(r, values);
      });
    } else {
      for (int r = warp; r < rows_here; r += warps)
        if (active >> r & 1) softmax(rows[r], r, lane);
      team_sync<warps>(team_);
      for_my_rows([&](int r) { this->gather_shared(r); });
    }
    if constexpr (warp_a_row) team_sync<warps>(team_);

    float acc[value_tiles][4] = {};
    for_prompts(rows, active, [&](const Row& of, unsigned mine) {
      if constexpr (holds_values) {
        if (prepared_ != of.text_keys) load_text(of.text_keys, of.text_values, index, head);
        prepared_ = of.text_keys;
      } else if (!a_row_each || (mine & active & -active) == 0) {
        text_.load_values(m_, of.text_values, index, head, thread_);
      }
      gather_text(mine, lane, acc);
    });
    if constexpr (!warp_a_row) team_sync<warps>(team_);
#pragma unroll
    for (int tile = 0; tile < value_tiles; ++tile)
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const int r = lane / 4 + half * 8, d = (warp * value_tiles + tile) * 8 + lane % 4 * 2;
        if (r >= rows_here || !(active >> r & 1) || d >= m_.head_size) continue;
        float image[2];
#pragma unroll
        for (int i = 0; i < 2; ++i) {
          const auto& parts = scratch_.values[r];
          if constexpr (Scratch::value_parts == 1)
            image[i] = parts[0][d + i];
          else
            image[i] = (parts[0][d + i] + parts[1][d + i]) + (parts[2][d + i] + parts[3][d + i]);
        }
        const float inverse = scratch_.inverse[r];
        const std::uint32_t pair =
            pack_pair<T>((acc[tile][half * 2] + image[0]) * inverse, (acc[tile][half * 2 + 1] + image[1]) * inverse);
        const int k = head * m_.head_size + d, row = first + r;
        if constexpr (stamps_activations(NT * 8))
          store_stamped(static_cast<StampedWord*>(b_.context) + (std::size_t(row) * m_.hidden + k) / 2, pair, stamp_);
        else
          *reinterpret_cast<std::uint32_t*>(static_cast<T*>(b_.context) + activation_offset(k, row, NT)) = pair;
      }
    if constexpr (!stamps_activations(NT * 8)) proxy_fence();
    team_sync<warps>(team_);
    if constexpr (!stamps_activations(NT * 8))
      if (thread == 0) count_up(b_.meeting->attended);
  }

  // The rows' queries, and the newest key and value of those of an image, which also go to the cache.
  __device__ __forceinline__ void receive_own(int head, int first, unsigned active) {
    constexpr int passes = (rows_here * 3 * HeadSize / 4 + team_threads - 1) / team_threads;
    const int pieces = m_.head_size / 4;  // of four numbers, of each of the three
    const auto place = [&](int i, int& r, int& what, int& d) {
      const int piece = i * team_threads + thread_;
      r = piece / (3 * pieces);
      what = piece / pieces - r * 3;
      d = piece % pieces * 4;
      if (r >= rows_here || !(active >> r & 1) || (what != Own::query && rows_[first + r].slot < 0)) r = -1;
    };
    StampedPair got[passes];
    receive(
        got,
        [&](int i) {
          int r, what, d;
          place(i, r, what, d);
          return r >= 0;
        },
        [&](int i) {
          int r, what, d;
          place(i, r, what, d);
          return b_.query_key_value + ((std::size_t(first + r) * 3 + what) * m_.hidden + head * m_.head_size + d) / 2;
        },
        stamp_);
#pragma unroll
    for (int i = 0; i < passes; ++i) {
      int r, what, d;
      place(i, r, what, d);
      if (r < 0) continue;
      *reinterpret_cast<uint2*>(received(r, Own(what)) + d) = got[i].data();
      if (what == Own::query) continue;
      const Row& row = rows_[first + r];
      T* cache =
          static_cast<T*>(what == Own::newest_key ? b_.keys : b_.values) + cache_offset(m_, b_, layer_, head, row);
      *reinterpret_cast<uint2*>(cache + d) = got[i].data();
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
        queries_[half][step] = r < rows_here && d < m_.head_size ? load_shared(received(r, Own::query) + d) : uint4{};
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
  __device__ __forceinline__ void softmax(const Row& row, int r, int lane) {
    const int texts = text_count(row), images = scratch_.seen[r].count;
    constexpr int text_each = most_text / 32, image_each = most_image_keys / 32;
    float text[text_each], image[image_each], largest = -INFINITY, sum = 0;
#pragma unroll
    for (int i = 0; i < text_each; ++i) {
      text[i] = lane + 32 * i < texts ? scratch_.scores[r][lane + 32 * i] : -INFINITY;
      largest = fmaxf(largest, text[i]);
    }
#pragma unroll
    for (int i = 0; i < image_each; ++i) {
      image[i] = lane + 32 * i < images ? scratch_.image[r][lane + 32 * i] : -INFINITY;
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
      this->image_weights(r)[Base::weight_place(lane + 32 * i)] = narrow<T>(image[i]);
    }
#pragma unroll
    for (int offset = 16; offset > 0; offset /= 2) sum += __shfl_xor_sync(0xFFFFFFFFu, sum, offset);
    if (lane == 0) scratch_.inverse[r] = 1.0f / sum;
  }

  static constexpr int key_blocks = TextFragments<T, HeadSize, warps>::key_blocks;
  static constexpr int key_steps = TextFragments<T, HeadSize, warps>::key_steps;
  static constexpr int value_tiles = TextFragments<T, HeadSize, warps>::value_tiles;
  static constexpr int value_steps = TextFragments<T, HeadSize, warps>::value_steps;

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

  const Row* rows_;
  ImageCache layer_;
  std::uint32_t stamp_;
  int workers_;
  int team_;
  int task_;
  const void* prepared_ = nullptr;  // the text whose fragments are held
  uint4 queries_[halves][key_steps];
  TextFragments<T, HeadSize, warps> text_;
};

// A layer, by the threads that attend. Nobody asks for its queries, keys and values before the block has written its
// own share: they come at about the same time.
template <int NT, typename T, int HeadSize>
__device__ __forceinline__ void attend_layer(const PassArguments& a, BlockState& state, char* scratch, int i) {
  Attention<NT, T, HeadSize> attention(a, state.row, scratch, i, state.stamp + 2 * i);
  wait_reached(state.written, i + 1);
  attention.prefetch();
  if (state.texts) {
    const unsigned writers = blocks_of(a, tiles_of(3 * a.model.hidden));
    wait_for(a.buffers.meeting->texts, writers * (i + 1));
  }
  attention.finish(i);
}

}  // namespace kandinsky::cuda
