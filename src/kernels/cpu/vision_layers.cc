#include "kernels/cpu/vision_layers.h"

#include <algorithm>
#include <cmath>

#include "kernels/cpu/decoder_kernels.h"

namespace kandinsky::cpu {
namespace {

constexpr int product_rows = 48;  // of a part: a multiple of what every processor's kernel takes at a time

std::size_t pixels_of(const Features& f) { return std::size_t(f.height) * f.width; }

}  // namespace

Convolution1x1::Convolution1x1(const float* weights, const float* bias, int outputs, int inputs)
    : inputs_(static_cast<int>(padded(inputs))),
      outputs_(static_cast<int>(padded(outputs))),
      weights_(std::size_t(inputs_) * outputs_),
      bias_(outputs_) {
  for (int o = 0; o < outputs; ++o) {
    bias_[o] = bias[o];
    for (int i = 0; i < inputs; ++i)
      weights_[(std::size_t(o) / lanes * inputs_ + i) * lanes + o % lanes] = weights[std::size_t(o) * inputs + i];
  }
}

void Convolution1x1::operator()(VisionContext& context, const Features& x, const Features& y,
                                const Features* add) const {
  const std::size_t rows = x.pictures * pixels_of(x);
  const int parts = static_cast<int>((rows + product_rows - 1) / product_rows);
  context.for_parts(parts, 0, [&](int part, float*) {
    const std::size_t first = std::size_t(part) * product_rows;
    const int count = static_cast<int>(std::min<std::size_t>(product_rows, rows - first));
    context.kernels().product({x.data + first * x.pixel, x.pixel, count, inputs_, weights_.data(), outputs_ / lanes,
                               1.0f, bias_.data(), add == nullptr ? nullptr : add->data + first * add->pixel,
                               add == nullptr ? 0 : add->pixel, y.data + first * y.pixel, y.pixel});
  });
}

Normalization::Normalization(const float* weight, const float* bias, int channels)
    : channels_(channels), weight_(weight, weight + channels), bias_(bias, bias + channels) {}

void Normalization::operator()(VisionContext& context, const Features& x, bool swish, const Features& y) const {
  constexpr int groups = 32;
  constexpr int part_pixels = 512;
  const std::size_t pixels = pixels_of(x);
  const int parts = static_cast<int>((pixels + part_pixels - 1) / part_pixels);
  const std::size_t channels = padded(channels_);
  const auto count_of = [&](int part) {
    return static_cast<int>(std::min<std::size_t>(part_pixels, pixels - std::size_t(part) * part_pixels));
  };
  // Each part's mean and then its squared deviations from that, so that nothing cancels; joined in double
  // precision.
  AlignedBuffer<float> found(x.pictures * parts * 2 * channels), factors(x.pictures * 2 * channels);
  context.for_parts(x.pictures * parts, 2 * channels, [&](int i, float* scratch) {
    const int n = i / parts, part = i % parts, count = count_of(part);
    const float* from = x.data + n * x.picture + std::size_t(part) * part_pixels * x.pixel;
    float *mean = found.data() + std::size_t(i) * 2 * channels, *deviation = mean + channels;
    std::fill_n(scratch, channels, 0.0f);
    const int all = static_cast<int>(channels);
    context.kernels().moments(from, x.pixel, count, all, scratch, mean, scratch + channels);
    for (std::size_t c = 0; c < channels; ++c) mean[c] /= static_cast<float>(count);
    context.kernels().moments(from, x.pixel, count, all, mean, scratch, deviation);
  });
  const int group_size = channels_ / groups;
  for (int n = 0; n < x.pictures; ++n) {
    const float* part_of = found.data() + std::size_t(n) * parts * 2 * channels;
    float* scale = factors.data() + n * 2 * channels;
    for (int g = 0; g < groups; ++g) {
      const auto sum = [&](auto value) {
        double total = 0;
        for (int part = 0; part < parts; ++part)
          for (int c = g * group_size; c < (g + 1) * group_size; ++c)
            total += value(part_of + (std::size_t(part) * 2) * channels + c, count_of(part));
        return total / (double(pixels) * group_size);
      };
      const double mean = sum([](const float* m, int count) { return double(*m) * count; });
      const double variance = sum([&](const float* m, int count) {
        return double(m[channels]) + count * (double(*m) - mean) * (double(*m) - mean);
      });
      const double factor = 1 / std::sqrt(variance + 1e-6);
      for (int c = g * group_size; c < (g + 1) * group_size; ++c) {
        scale[c] = static_cast<float>(weight_[c] * factor);
        scale[channels + c] = static_cast<float>(bias_[c] - mean * weight_[c] * factor);
      }
    }
  }
  context.for_parts(x.pictures * parts, 0, [&](int i, float*) {
    const int n = i / parts, part = i % parts;
    const std::size_t at = std::size_t(part) * part_pixels;
    const float* scale = factors.data() + n * 2 * channels;
    context.kernels().normalize(x.data + n * x.picture + at * x.pixel, x.pixel, count_of(part),
                                static_cast<int>(channels), scale, scale + channels, swish,
                                y.data + n * y.picture + at * y.pixel, y.pixel);
  });
}

void attend(VisionContext& context, int channels, const Features& q, const Features& k, const Features& v,
            const Features& y) {
  const int pixels = q.height * q.width;
  const int key_panels = static_cast<int>(padded(pixels)) / lanes,
            value_panels = static_cast<int>(padded(channels)) / lanes;
  const std::size_t wide = padded(channels);
  const int parts = (pixels + product_rows - 1) / product_rows;
  AlignedBuffer<float> keys(std::size_t(key_panels) * wide * lanes), values(std::size_t(value_panels) * pixels * lanes);
  const float scale = static_cast<float>(1 / std::sqrt(double(channels)));
  for (int n = 0; n < q.pictures; ++n) {
    const float *key = k.data + n * k.picture, *value = v.data + n * v.picture;
    context.for_parts(key_panels, 0, [&](int panel, float*) {
      for (int pixel = panel * lanes; pixel < std::min(pixels, (panel + 1) * lanes); ++pixel) {
        for (std::size_t c = 0; c < wide; ++c)
          keys[(panel * wide + c) * lanes + pixel % lanes] = key[pixel * k.pixel + c];
        for (std::size_t c = 0; c < wide; ++c)
          values[(c / lanes * pixels + pixel) * lanes + c % lanes] = value[pixel * v.pixel + c];
      }
    });
    const std::size_t across = padded(pixels);
    context.for_parts(parts, product_rows * across, [&](int part, float* scores) {
      const int first = part * product_rows, count = std::min(product_rows, pixels - first);
      const VisionKernels& kernels = context.kernels();
      kernels.product({q.data + n * q.picture + first * q.pixel, q.pixel, count, static_cast<int>(wide), keys.data(),
                       key_panels, scale, nullptr, nullptr, 0, scores, across});
      for (int i = 0; i < count; ++i) kernels.softmax(scores + i * across, pixels);
      kernels.product({scores, across, count, pixels, values.data(), value_panels, 1.0f, nullptr, nullptr, 0,
                       y.data + n * y.picture + first * y.pixel, y.pixel});
    });
  }
}

}  // namespace kandinsky::cpu
