#pragma once
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>

namespace kandinsky::testing {

// How far the counts of the ids that may be drawn are from those to be expected by their weights.
inline double chi_square(std::span<const int> counts, std::span<const std::int32_t> ids, std::span<const float> weights,
                         int draws) {
  const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
  double sum = 0;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const double expected = draws * weights[i] / total;
    sum += (counts[ids[i]] - expected) * (counts[ids[i]] - expected) / expected;
  }
  return sum;
}

// Draws among the ids that may be drawn.
inline int draws_of(std::span<const int> counts, std::span<const std::int32_t> ids) {
  int sum = 0;
  for (const std::int32_t id : ids) sum += counts[id];
  return sum;
}

}  // namespace kandinsky::testing
