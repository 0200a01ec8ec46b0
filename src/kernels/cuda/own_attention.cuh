#pragma once
#include "kernels/cuda/block_state.cuh"
#include "kernels/cuda/image_attention.cuh"
#include "kernels/cuda/query_key_value.cuh"

namespace kandinsky::cuda {

// What the rows themselves bring: a layer's new queries, and the keys and values that go to the cache.
template <int NT, typename T, int HeadSize>
class OwnAttention : protected ImageAttention<NT, T, HeadSize> {
  using Base = ImageAttention<NT, T, HeadSize>;

 protected:
  using Base::b_;
  using Base::m_;
  using Base::rows_here;
  using Base::scratch_;
  using Base::team_threads;
  using Base::thread_;
  using typename Base::Scratch;
  // Where several warps share a row, all threads of a team receive the new keys; else each row's warp does.
  static constexpr bool shares_own = !Base::warp_a_row;
  // Parts of a sum that are read at a time, of so many sums: as registers allow.
  template <int Pairs>
  static constexpr int together = Pairs == 1 || (Pairs == 2 && NT == 1) ? 8
                                  : Pairs <= 4                          ? 4
                                                                        : 2;

  __device__ __forceinline__ OwnAttention(const PassArguments& a, BlockState& state, Scratch& scratch, int index,
                                          std::uint32_t stamp, int team)
      : Base(a, scratch), state_(state), made_(a, index, stamp), team_(team) {}

  // Until the block has multiplied so many of a layer's parts: nobody asks for what others multiply before, for it
  // comes at about the same time.
  __device__ __forceinline__ void wait_multiplied(int index, int parts) const {
    wait_reached(state_.multiplied, index * products_a_layer * product_parts + parts);
  }

  // Of the active rows those of images.
  __device__ __forceinline__ unsigned images_of(int first, unsigned active) const {
    unsigned own = 0;
#pragma unroll
    for (int r = 0; r < rows_here; ++r)
      if ((active >> r & 1) && state_.row[first + r].slot >= 0) own |= 1u << r;
    return own;
  }

  __device__ __forceinline__ void receive_queries(int head, int first, unsigned active) {
    auto queries = parts(QueryKeyValue::query, head, first, active);
    queries.add();
    const float scale = rsqrtf(float(m_.head_size));
#pragma unroll
    for (int i = 0; i < dealt; ++i)
      if (is_dealt(i, active))
        *reinterpret_cast<std::uint32_t*>(scratch_.query[row_dealt(i)] + dim_dealt(i)) =
            pack_pair<T>(queries.sums[i].x * scale, queries.sums[i].y * scale);
  }

  // The keys that all threads of a team receive, of the rows of images: asked for, then written to the cache and to
  // scratch_.own_key.
  __device__ __forceinline__ auto ask_keys(int head, int first, unsigned images) const {
    auto keys = parts(QueryKeyValue::key, head, first, images);
    keys.ask();
    return keys;
  }
  template <typename Keys>
  __device__ __forceinline__ void receive_keys(Keys& keys, int index, unsigned images) const {
    const bool came = __all_sync(0xFFFFFFFFu, keys.came());
    if (!came) wait_multiplied(index, 2);
    keys.add(came);
#pragma unroll
    for (int i = 0; i < dealt; ++i) {
      if (!is_dealt(i, images)) continue;
      const int r = row_dealt(i), d = dim_dealt(i);
      const std::uint32_t pair = pack_pair<T>(keys.sums[i].x, keys.sums[i].y);
      *reinterpret_cast<std::uint32_t*>(scratch_.own_key[r] + d) = pair;
      *reinterpret_cast<std::uint32_t*>(cached_key(r) + d) = pair;
    }
  }

  // The score of a row's own key. By a warp, which receives the key unless all have done so.
  __device__ __forceinline__ float score_own(int head, int first, int r) const {
    if (state_.row[first + r].slot < 0) return 0;
    constexpr int pairs = (HeadSize + 63) / 64;  // of a lane
    const auto dim_of = [&](int i) { return i * 64 + thread_ % 32 * 2; };
    const auto wanted = [&](int i) { return dim_of(i) < m_.head_size; };
    std::uint32_t keys[pairs];
    if constexpr (shares_own) {
#pragma unroll
      for (int i = 0; i < pairs; ++i)
        if (wanted(i)) keys[i] = *reinterpret_cast<const std::uint32_t*>(scratch_.own_key[r] + dim_of(i));
    } else {
      auto own = made_.template parts<pairs, together<pairs>>(
          QueryKeyValue::key, wanted, [&](int) { return first + r; },
          [&](int i) { return head * m_.head_size + dim_of(i); });
      own.add();
#pragma unroll
      for (int i = 0; i < pairs; ++i) {
        keys[i] = pack_pair<T>(own.sums[i].x, own.sums[i].y);
        if (wanted(i)) *reinterpret_cast<std::uint32_t*>(cached_key(r) + dim_of(i)) = keys[i];
      }
    }
    float score = 0;
#pragma unroll
    for (int i = 0; i < pairs; ++i) {
      if (!wanted(i)) continue;
      const float2 k = widen_pair<T>(keys[i]);
      const float2 q = widen_pair<T>(*reinterpret_cast<const std::uint32_t*>(scratch_.query[r] + dim_of(i)));
      score = fmaf(q.x, k.x, fmaf(q.y, k.y, score));
    }
#pragma unroll
    for (int offset = 16; offset > 0; offset /= 2) score += __shfl_xor_sync(0xFFFFFFFFu, score, offset);
    return score;
  }

  BlockState& state_;
  QueryKeyValue made_;
  int team_;

 private:
  // A group's numbers of a head, in pairs, dealt out over all threads of a team.
  static constexpr int dealt = (rows_here * HeadSize / 2 + team_threads - 1) / team_threads;
  __device__ __forceinline__ int row_dealt(int i) const { return (i * team_threads + thread_) / (HeadSize / 2); }
  __device__ __forceinline__ int dim_dealt(int i) const { return (i * team_threads + thread_) % (HeadSize / 2) * 2; }
  __device__ __forceinline__ bool is_dealt(int i, unsigned active) const {
    return row_dealt(i) < rows_here && (active >> row_dealt(i) & 1) && dim_dealt(i) < m_.head_size;
  }
  __device__ __forceinline__ auto parts(QueryKeyValue::Part what, int head, int first, unsigned active) const {
    return made_.template parts<dealt, together<dealt>>(
        what, [&](int i) { return is_dealt(i, active); }, [&](int i) { return first + row_dealt(i); },
        [&](int i) { return head * m_.head_size + dim_dealt(i); });
  }
  __device__ __forceinline__ T* cached_key(int r) const {
    return scratch_.seen[r].keys + scratch_.seen[r].newest * m_.head_size;
  }
};

}  // namespace kandinsky::cuda
