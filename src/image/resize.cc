#include <algorithm>
#include <cmath>
#include <vector>

#include "kandinsky/image.h"

// Pillow's BILINEAR: a triangle whose support grows with the scale, applied along rows, then along columns, with
// weights of 22 fractional bits and results rounded to 8 bits in between.
namespace kandinsky {
namespace {

constexpr int weight_bits = 22;

// For each output: the first input and its weights.
struct Taps {
  int first;
  std::vector<std::int32_t> weights;
};

std::vector<Taps> taps_of(int from, int to) {
  const double scale = static_cast<double>(from) / to;
  const double stretch = std::max(scale, 1.0);
  std::vector<Taps> taps(to);
  std::vector<double> exact;
  for (int i = 0; i < to; ++i) {
    const double centre = (i + 0.5) * scale;
    // Cut off and not rounded: as Pillow does, for negative numbers too.
    const int first = std::max(0, static_cast<int>(centre - stretch + 0.5));    // NOLINT(bugprone-incorrect-roundings)
    const int last = std::min(from, static_cast<int>(centre + stretch + 0.5));  // NOLINT(bugprone-incorrect-roundings)
    exact.clear();
    double sum = 0;
    for (int j = first; j < last; ++j) {
      exact.push_back(std::max(0.0, 1 - std::abs((j - centre + 0.5) / stretch)));
      sum += exact.back();
    }
    taps[i].first = first;
    for (const double weight : exact)
      taps[i].weights.push_back(static_cast<std::int32_t>(std::floor(weight / sum * (1 << weight_bits) + 0.5)));
  }
  return taps;
}

std::uint8_t rounded(std::int64_t sum) {
  return static_cast<std::uint8_t>(std::clamp<std::int64_t>((sum + (1 << (weight_bits - 1))) >> weight_bits, 0, 255));
}

Image along_rows(const Image& image, int width) {
  const std::vector<Taps> taps = taps_of(image.width(), width);
  Image result(width, image.height());
  for (int y = 0; y < image.height(); ++y) {
    const std::uint8_t* from = image.row(y);
    std::uint8_t* to = result.row(y);
    for (const Taps& tap : taps)
      for (int c = 0; c < 3; ++c) {
        std::int64_t sum = 0;
        for (std::size_t j = 0; j < tap.weights.size(); ++j)
          sum += std::int64_t{tap.weights[j]} * from[(tap.first + j) * 3 + c];
        *to++ = rounded(sum);
      }
  }
  return result;
}

Image along_columns(const Image& image, int height) {
  const std::vector<Taps> taps = taps_of(image.height(), height);
  Image result(image.width(), height);
  const std::size_t row = std::size_t(image.width()) * 3;
  std::vector<std::int64_t> sums(row);
  for (int y = 0; y < height; ++y) {
    std::fill(sums.begin(), sums.end(), 0);
    for (std::size_t j = 0; j < taps[y].weights.size(); ++j) {
      const std::uint8_t* from = image.row(taps[y].first + static_cast<int>(j));
      for (std::size_t i = 0; i < row; ++i) sums[i] += std::int64_t{taps[y].weights[j]} * from[i];
    }
    std::transform(sums.begin(), sums.end(), result.row(y), rounded);
  }
  return result;
}

}  // namespace

Image Image::resize(int width, int height) const {
  Image result = Image(width, height);  // checks the sizes
  result = width == width_ ? *this : along_rows(*this, width);
  return height == height_ ? result : along_columns(result, height);
}

}  // namespace kandinsky
