#include <algorithm>
#include <array>

#include "kernels/cpu/decoder_kernels.h"
#include "kernels/cpu/vision_layers.h"

namespace kandinsky::cpu {
namespace {

// How a filter of three is evaluated at the points 0, 5/8, -5/8, 3/2, -3/2 and infinity, over the products of
// their distances: the other side of the transforms in vision_kernels.inc.
constexpr std::array<std::array<double, 3>, 6> filter_points = [] {
  constexpr double a = 0.625, b = 1.5, a2 = a * a, b2 = b * b;
  constexpr double at_a = 1 / (2 * a2 * (a2 - b2)), at_b = 1 / (2 * b2 * (b2 - a2));
  return std::array<std::array<double, 3>, 6>{{{1 / (a2 * b2), 0, 0},
                                               {at_a, a * at_a, a2 * at_a},
                                               {at_a, -a * at_a, a2 * at_a},
                                               {at_b, b * at_b, b2 * at_b},
                                               {at_b, -b * at_b, b2 * at_b},
                                               {0, 0, 1}}};
}();

void transform_filter(const float* filter, std::array<float, winograd_points>& out) {
  double half[6][3] = {};
  for (int y = 0; y < 6; ++y)
    for (int x = 0; x < 3; ++x)
      for (int k = 0; k < 3; ++k) half[y][x] += filter_points[y][k] * double(filter[k * 3 + x]);
  for (int y = 0; y < 6; ++y)
    for (int x = 0; x < 6; ++x) {
      double sum = 0;
      for (int k = 0; k < 3; ++k) sum += filter_points[x][k] * half[y][k];
      out[y * 6 + x] = static_cast<float>(sum);
    }
}

// Tiles that go through together: as many as the second-level cache holds with their transformed inputs and
// outputs.
int tiles_of_part(int inputs, int tiles, int threads) {
  constexpr int cache = 700 << 10;
  constexpr int rows = 12;
  const int fit = cache / (winograd_points * 4 * (inputs + 2 * lanes));
  const int shared = (tiles + threads - 1) / threads;
  return std::clamp(std::min(fit / rows * rows, (shared + rows - 1) / rows * rows), rows, 8 * rows);
}

}  // namespace

Convolution3x3::Convolution3x3(const float* weights, const float* bias, int outputs, const std::vector<int>& segments)
    : outputs_(static_cast<int>(padded(outputs))), bias_(outputs_) {
  int inputs = 0;
  for (const int segment : segments) {
    inputs += segment;
    inputs_ += static_cast<int>(padded(segment));
  }
  weights_ = AlignedBuffer<float>(std::size_t(winograd_points) * inputs_ * outputs_);
  std::array<float, winograd_points> points;
  for (int o = 0; o < outputs; ++o) {
    bias_[o] = bias[o];
    const float* filter = weights + std::size_t(o) * inputs * 9;
    int start = 0;
    for (const int segment : segments) {
      for (int i = start; i < start + segment; ++i, filter += 9) {
        transform_filter(filter, points);
        for (int e = 0; e < winograd_points; ++e)
          weights_[((std::size_t(o) / lanes * winograd_points + e) * inputs_ + i) * lanes + o % lanes] = points[e];
      }
      start += static_cast<int>(padded(segment));
    }
  }
}

void Convolution3x3::run(VisionContext& context, const Convolution& job) const {
  const int across = (job.y.width + winograd_tile - 1) / winograd_tile;
  const int down = (job.y.height + winograd_tile - 1) / winograd_tile;
  const int tiles = job.y.pictures * across * down;
  const int each = tiles_of_part(inputs_, tiles, context.threads());
  context.for_parts((tiles + each - 1) / each, winograd_scratch(inputs_, each), [&](int part, float* scratch) {
    context.kernels().convolve(job, part * each, std::min(each, tiles - part * each), scratch);
  });
}

void Convolution3x3::operator()(VisionContext& context, const Features& x, const Features& y, const Epilogue& epilogue,
                                bool doubled) const {
  run(context, {x,
                {},
                inputs_,
                0,
                doubled,
                weights_.data(),
                bias_.data(),
                outputs_,
                epilogue.slope,
                epilogue.scale,
                epilogue.add,
                epilogue.scale2,
                epilogue.add2,
                y});
}

void Convolution3x3::operator()(VisionContext& context, const Features& x, int channels, const Features& x2,
                                const Features& y, const Epilogue& epilogue) const {
  run(context, {x, x2, channels, inputs_ - channels, false, weights_.data(), bias_.data(), outputs_, epilogue.slope,
                epilogue.scale, epilogue.add, epilogue.scale2, epilogue.add2, y});
}

}  // namespace kandinsky::cpu
