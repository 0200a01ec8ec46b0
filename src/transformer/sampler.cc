#include "transformer/sampler.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>

#include "core/fail.h"
#include "transformer/noise.h"

// The loops below are compiled for several processors and chosen at start; the arithmetic is the same in each.
#if defined(__x86_64__) && defined(__GLIBC__)
#define KANDINSKY_CLONES __attribute__((target_clones("default", "avx2", "avx512f")))
#else
#define KANDINSKY_CLONES
#endif

namespace kandinsky {
namespace {

// NaN becomes -infinity: it has no place in the order of logits.
KANDINSKY_CLONES void scale(const float* in, float divisor, float* out, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    const float quotient = in[i] / divisor;
    out[i] = quotient == quotient ? quotient : -std::numeric_limits<float>::infinity();
  }
}

KANDINSKY_CLONES void exp_differences(const float* in, float largest, float* out, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) out[i] = noise::exp_of_negative(in[i] - largest);
}

// NaN is smaller than any number.
std::size_t index_of_largest(std::span<const float> values) {
  std::size_t best = 0;
  for (std::size_t i = 1; i < values.size(); ++i)
    if (values[i] > values[best] || std::isnan(values[best])) best = i;
  return best;
}

std::size_t index_of_largest_to_draw_from(std::span<const float> values) {
  const std::size_t best = index_of_largest(values);
  if (values.empty() || !std::isfinite(values[best]))
    fail(ErrorCode::internal, "logits", "the transformer gave no finite number to draw from");
  return best;
}

}  // namespace

void check(const SamplingOptions& options) {
  if (!(options.temperature > 0) || !std::isfinite(options.temperature) || static_cast<float>(options.temperature) == 0)
    fail(ErrorCode::invalid_argument, "temperature", "{} is not a number above 0", options.temperature);
  if (options.top_k < 0) fail(ErrorCode::invalid_argument, "top_k", "{} is negative (0 keeps all)", options.top_k);
  if (!(options.top_p > 0 && options.top_p <= 1))
    fail(ErrorCode::invalid_argument, "top_p", "{} is not above 0 and at most 1", options.top_p);
}

std::span<const std::int32_t> Sampler::keep(std::span<const float> logits, const SamplingOptions& options) {
  const std::size_t count = logits.size();
  scaled_.resize(count);
  scale(logits.data(), static_cast<float>(options.temperature), scaled_.data(), count);
  const float largest = scaled_[index_of_largest_to_draw_from(scaled_)];

  float threshold = -std::numeric_limits<float>::infinity();
  const std::size_t top_k = options.top_k == 0 ? count : std::min<std::size_t>(options.top_k, count);
  if (top_k < count) {
    selection_.assign(scaled_.begin(), scaled_.end());
    std::nth_element(selection_.begin(), selection_.begin() + (top_k - 1), selection_.end(), std::greater<>());
    threshold = selection_[top_k - 1];
  }
  kept_.clear();
  selection_.clear();
  for (std::size_t i = 0; i < count; ++i) {
    if (scaled_[i] < threshold) continue;
    kept_.push_back(static_cast<std::int32_t>(i));
    selection_.push_back(scaled_[i]);
  }
  kept_weights_.resize(kept_.size());
  exp_differences(selection_.data(), largest, kept_weights_.data(), kept_.size());
  if (options.top_p < 1) cut_top_p(options.top_p);
  return kept_;
}

// Keeps the likeliest ids up to and including the first that takes their sum above top_p of the whole. selection_ holds
// the scaled logits of kept_.
void Sampler::cut_top_p(double top_p) {
  const std::size_t count = kept_.size();
  std::uint64_t total = 0;
  for (const float weight : kept_weights_) total += noise::fixed_point(weight);
  const auto target = static_cast<std::uint64_t>(top_p * static_cast<double>(total));

  order_.resize(count);
  std::iota(order_.begin(), order_.end(), 0);
  const auto likelier = [this](std::int32_t a, std::int32_t b) {
    return selection_[a] > selection_[b] || (selection_[a] == selection_[b] && a < b);
  };
  // Most of the mass sits in few ids: sort a prefix that grows until it holds enough.
  std::size_t prefix = std::min<std::size_t>(64, count);
  std::size_t kept = 0;
  for (;; prefix = std::min(prefix * 4, count)) {
    if (prefix < count) std::nth_element(order_.begin(), order_.begin() + prefix, order_.end(), likelier);
    std::uint64_t mass = 0;
    for (std::size_t i = 0; i < prefix; ++i) mass += noise::fixed_point(kept_weights_[order_[i]]);
    if (mass <= target && prefix < count) continue;
    std::sort(order_.begin(), order_.begin() + prefix, likelier);
    std::uint64_t running = 0;
    while (kept < prefix && running <= target) running += noise::fixed_point(kept_weights_[order_[kept++]]);
    break;
  }
  std::sort(order_.begin(), order_.begin() + kept);
  for (std::size_t i = 0; i < kept; ++i) {
    kept_[i] = kept_[order_[i]];
    kept_weights_[i] = kept_weights_[order_[i]];
  }
  kept_.resize(kept);
  kept_weights_.resize(kept);
}

std::int32_t Sampler::sample(std::span<const float> logits, const SamplingOptions& options, std::uint64_t seed,
                             int number, int position) {
  if (options.greedy) return static_cast<std::int32_t>(index_of_largest_to_draw_from(logits));
  keep(logits, options);
  std::int32_t best = kept_.front();
  double best_ratio = -1;
  std::int32_t current_block = -1;
  noise::Block block{};
  for (std::size_t i = 0; i < kept_.size(); ++i) {
    const std::int32_t id = kept_[i];
    if (id / 4 != current_block) {
      current_block = id / 4;
      block = noise::words(seed, static_cast<std::uint32_t>(number), static_cast<std::uint32_t>(position),
                           static_cast<std::uint32_t>(current_block));
    }
    const double ratio = static_cast<double>(kept_weights_[i]) / noise::exponential(block.word[id % 4]);
    if (ratio > best_ratio) {
      best_ratio = ratio;
      best = id;
    }
  }
  return best;
}

void PerplexityMeter::add(std::span<const float> logits, std::int32_t id) {
  const float largest = logits[index_of_largest(logits)];
  double sum = 0;
  for (const float logit : logits) sum += static_cast<double>(noise::exp_of_negative(logit - largest));
  const float cross_entropy = std::log(static_cast<float>(sum)) - (logits[id] - largest);
  if (cross_entropy == 0) return;
  sum_ += std::exp(static_cast<double>(cross_entropy));
  ++count_;
}

}  // namespace kandinsky
