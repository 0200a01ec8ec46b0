#pragma once
#include "kernels/cuda/block_sums.cuh"
#include "kernels/cuda/decoder_step.h"
#include "transformer/noise.h"

namespace kandinsky::cuda {

// Unsigned numbers in the order of the floats; NaN comes last, as -infinity does.
__device__ __forceinline__ unsigned order_key(float x) {
  const unsigned bits = __float_as_uint(isnan(x) ? -INFINITY : x);
  return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}
__device__ __forceinline__ float of_key(unsigned key) {
  return __uint_as_float(key & 0x80000000u ? key & 0x7FFFFFFFu : ~key);
}

// The logarithm of noise::exponential(word), within 2e-4.
__device__ __forceinline__ float about_log_exponential(std::uint32_t word) {
  const float rest = (static_cast<float>(~word) + 0.5f) * 0x1p-32f;  // 1 less the number whose logarithm it is
  const float log =
      rest < 0.01f ? fmaf(0.5f * rest, rest, rest) : -__logf((static_cast<float>(word) + 0.5f) * 0x1p-32f);
  return __logf(log);
}

// Sampler of src/transformer/sampler.cc with the same arithmetic: one slot a block, each thread with Quads times four
// neighbouring ids at most. Sums of probabilities are integers and orders are total, so the ids are the same whatever
// runs first.
//
// The draw is the id with the largest weight / exponential of those that top-k and top-p keep. They keep the first ones
// in the order of ids, the likelier before the less likely and the lower of two alike. So an id is drawn of all; the
// count and the mass of those before it say whether it is kept; if not, another one is drawn of those before it.
template <int Quads>
class Sampler {
 public:
  // `logits`: on a boundary of 16 bytes, with room for whole fours.
  __device__ __forceinline__ Sampler(const float* logits, int count, BlockSums& sums)
      : logits_(logits), count_(count), sums_(sums) {
#pragma unroll
    for (int j = 0; j < each; j += 4) {
      const bool there = id_of(j) < count;
      const float4 four = there ? *reinterpret_cast<const float4*>(logits + id_of(j)) : float4{};
      const float values[] = {four.x, four.y, four.z, four.w};
#pragma unroll
      for (int i = 0; i < 4; ++i) values_[j + i] = id_of(j + i) < count ? values[i] : -INFINITY;
    }
  }

  __device__ __forceinline__ float largest_logit() const {
    unsigned largest = 0;
#pragma unroll
    for (int j = 0; j < each; ++j) largest = max(largest, order_key(values_[j]));
    return of_key(sums_.largest(largest));
  }

  // The sum of exp(logit - largest).
  __device__ __forceinline__ double partition(float largest) const {
    double sum = 0;
#pragma unroll
    for (int j = 0; j < each; ++j) sum += noise::exp_of_negative(noise::add(values_[j], -largest));
    return sums_(sum);
  }

  __device__ __forceinline__ int likeliest() const {
    BlockSums::Best best = nothing();
#pragma unroll
    for (int j = 0; j < each; ++j)
      if (values_[j] > best.value) best = {values_[j], id_of(j), 0};
    return sums_.best(best).id;
  }

  // `largest`: of the logits divided by the temperature; finite.
  __device__ __forceinline__ int draw(const SlotState& state, int position, float largest) {
    largest_ = noise::add(largest, 0.0f);
#pragma unroll
    for (int j = 0; j < each; ++j) {
      const bool there = id_of(j) < count_;
      keys_[j] = there ? key_of(values_[j], state.temperature) : 0;
      weights_[j] = there ? noise::fixed_point(weight_of(keys_[j])) : 0;
    }
    const bool has_top_k = state.top_k > 0 && state.top_k < count_, has_top_p = state.top_p < 1;
    TopK top_k{unsigned(has_top_k ? state.top_k : count_), 0, has_top_k ? ~0u : 0, 0, 0};
    if (has_top_p) top_k.most = before({0, 0}).mass;
    if (!has_top_k) top_k.least = top_k.most;
    for (Place end{0, 0};;) {
      end = draw_before(end, state, position);
      const Before those = before(end);
      top_k.learn(end.key + 1, those);
      if (those.likelier >= top_k.count) continue;
      const unsigned long long mass = those.mass + those.tied * noise::fixed_point(weight_of(end.key));
      if (!has_top_p || top_p_keeps(mass, state.top_p, top_k)) return end.id;
    }
  }

 private:
  static constexpr int each = 4 * Quads;

  // In the order of ids; {0, 0} is behind them all.
  struct Place {
    unsigned key;  // of the scaled logit
    int id;
  };
  struct Before {
    unsigned likelier;
    unsigned tied;            // as likely, with lower ids
    unsigned long long mass;  // of those likelier
  };

  // How far down top-k keeps ids, found out only as far as need be: at least `count` have keys from `outer` on, fewer
  // from `inner` on; the masses of both. Without top-k both masses are that of all.
  struct TopK {
    unsigned count, outer, inner;
    unsigned long long most, least;

    // What has keys from `key` on.
    __device__ __forceinline__ void learn(unsigned key, const Before& those) {
      if (those.likelier >= count && key > outer) {
        outer = key;
        most = those.mass;
      } else if (those.likelier < count && key < inner) {
        inner = key;
        least = those.mass;
      }
    }
    // A key in between, if there is one. Halving logits comes sooner to what is asked for, halving keys to an end.
    __device__ __forceinline__ unsigned between(int round) const {
      const unsigned middle = outer + (inner - outer) / 2;
      if (round >= 16) return middle;
      const float high = of_key(inner), step = 0.5f * static_cast<float>(1 << round);
      const unsigned key = order_key(outer == 0 ? high - step : 0.5f * of_key(outer) + 0.5f * high);
      return key > outer && key < inner ? key : middle;
    }
  };

  // Whether top-p keeps an id with `mass` before it.
  __device__ __forceinline__ bool top_p_keeps(unsigned long long mass, double top_p, TopK& top_k) {
    const auto part = [&](unsigned long long whole) {
      return static_cast<unsigned long long>(noise::mul(top_p, static_cast<double>(whole)));
    };
#pragma unroll 1
    for (int round = 0; mass > part(top_k.least); ++round) {
      if (mass > part(top_k.most)) return false;
      if (top_k.inner - top_k.outer <= 1) return true;  // the whole is `most`
      const unsigned key = top_k.between(round);
      top_k.learn(key, before({key - 1, 0}));
    }
    return true;
  }

  __device__ __forceinline__ Before before(Place place) {
    unsigned counts = 0;  // two numbers of 16 bits
    unsigned long long mass = 0;
#pragma unroll
    for (int j = 0; j < each; ++j) {
      counts += keys_[j] > place.key;
      mass += keys_[j] > place.key ? weights_[j] : 0;
      counts += keys_[j] == place.key && id_of(j) < place.id ? 0x10000u : 0;
    }
    static_assert(most_image_vocab < 0x10000);
    const BlockSums::Counted sums = sums_(BlockSums::Counted{counts, mass});
    return {sums.count & 0xFFFFu, sums.count >> 16, sums.mass};
  }

  // Of the ids before `end`. Logarithms of their ratios, about right, leave one or two to be worked out.
  __device__ __forceinline__ Place draw_before(Place end, const SlotState& state, int position) {
    unsigned scores[each];
    unsigned best = 0;
#pragma unroll
    for (int first = 0; first < each; first += 4) {
      const noise::Block words = words_of(first, state, position);
#pragma unroll
      for (int j = first; j < first + 4; ++j) {
        const float score = of_key(keys_[j]) - largest_ - about_log_exponential(words.word[j % 4]);
        const bool there = keys_[j] > end.key || (keys_[j] == end.key && id_of(j) < end.id);
        scores[j] = there ? order_key(score) : 0;
        best = max(best, scores[j]);
      }
    }
    const unsigned worth = order_key(of_key(sums_.largest(best)) - 0.01f);
    unsigned candidates = 0;
#pragma unroll
    for (int j = 0; j < each; ++j) candidates |= scores[j] >= worth ? 1u << j : 0;
    BlockSums::Best mine = nothing();
#pragma unroll 1
    for (; candidates != 0; candidates &= candidates - 1) {
      const int j = __ffs(int(candidates)) - 1, id = id_of(j);
      const unsigned key = key_of(logits_[id], state.temperature);  // registers have no j-th
      const noise::Block words = words_of(j, state, position);
      const std::uint32_t word = j % 4 == 0   ? words.word[0]
                                 : j % 4 == 1 ? words.word[1]
                                 : j % 4 == 2 ? words.word[2]
                                              : words.word[3];
      const double ratio = noise::div(static_cast<double>(weight_of(key)), noise::exponential(word));
      if (ratio > mine.value) mine = {ratio, id, key};
    }
    const BlockSums::Best drawn = sums_.best(mine);
    return {drawn.key, drawn.id};
  }

  __device__ __forceinline__ noise::Block words_of(int j, const SlotState& state, int position) const {
    return noise::words(state.seed, unsigned(state.number), unsigned(position), unsigned(id_of(j)) / 4);
  }
  __device__ __forceinline__ float weight_of(unsigned key) const {
    return noise::exp_of_negative(noise::add(of_key(key), -largest_));
  }
  static __device__ __forceinline__ unsigned key_of(float logit, float temperature) {
    return order_key(noise::add(noise::div(logit, temperature), 0.0f));  // -0 becomes +0
  }
  // The thread's j-th id.
  static __device__ __forceinline__ int id_of(int j) {
    return (j / 4 * BlockSums::threads + int(threadIdx.x)) * 4 + j % 4;
  }
  static __device__ __forceinline__ BlockSums::Best nothing() { return {-INFINITY, 0x7FFFFFFF, 0}; }

  const float* logits_;
  int count_;
  BlockSums& sums_;
  float values_[each];
  float largest_;  // scaled logit
  unsigned keys_[each];
  unsigned long long weights_[each];
};

}  // namespace kandinsky::cuda
