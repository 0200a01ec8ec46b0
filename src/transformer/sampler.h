#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "kandinsky/transformer.h"

namespace kandinsky {

// Draws ids from logits (SPEC of the family: temperature, top-k, top-p, softmax, draw), identical on every device: the
// CUDA sampler runs the same arithmetic (noise.h). Keeps its scratch memory; one thread at a time.
//
// Two differences from the reference, both on purpose: at top_p 1 nothing is cut (the reference's float32 running sum
// passes 1 early and drops the least likely ids), and among equal logits at the border of top-p the lower ids stay.
class Sampler {
 public:
  // The id whose probability / Exp(1) is largest among the kept ones, the Exp(1) being those of (seed, number,
  // position, id); with options.greedy the likeliest id, the lowest of several.
  // Throws Error (internal) if no logit is a number.
  std::int32_t sample(std::span<const float> logits, const SamplingOptions& options, std::uint64_t seed, int number,
                      int position);

  // The ids that top-k and top-p keep, ascending, and exp(logit - largest) of each. Valid until the next call.
  std::span<const std::int32_t> keep(std::span<const float> logits, const SamplingOptions& options);
  std::span<const float> kept_weights() const { return kept_weights_; }

 private:
  void cut_top_p(double top_p);

  std::vector<float> scaled_;
  std::vector<float> selection_;
  std::vector<std::int32_t> kept_;
  std::vector<float> kept_weights_;
  std::vector<std::int32_t> order_;
};

// Mean of exp(cross-entropy) over the ids of an image but the first, as the reference scores images. Like there, an id
// whose cross-entropy is exactly 0 does not count; if none counts the value is 1.
class PerplexityMeter {
 public:
  // `id` followed these logits.
  void add(std::span<const float> logits, std::int32_t id);
  double value() const { return count_ == 0 ? 1.0 : sum_ / count_; }

 private:
  double sum_ = 0;
  int count_ = 0;
};

// Throws Error (invalid_argument) that names the option and its range.
void check(const SamplingOptions& options);

}  // namespace kandinsky
