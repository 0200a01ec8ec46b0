#include "realesrgan/cpu_network.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace kandinsky::realesrgan {
namespace {

using cpu::FeatureMap;
using cpu::Features;
using cpu::VisionContext;

constexpr float leaky = 0.2f;
constexpr float residual_scale = 0.2f;
constexpr int tail_reach = 2;  // of the convolutions after the body, in pixels of the features

cpu::Convolution3x3 convolution(const Weights& weights, const std::string& name, const std::vector<int>& segments,
                                int out) {
  int in = 0;
  for (const int segment : segments) in += segment;
  const Weights part = weights.under(name);
  const at::Tensor weight = part.get("weight", {out, in, 3, 3}), bias = part.get("bias", {out});
  return {weight.const_data_ptr<float>(), bias.const_data_ptr<float>(), out, segments};
}

cpu::Epilogue activated() {
  cpu::Epilogue epilogue;
  epilogue.slope = leaky;
  return epilogue;
}

}  // namespace

CpuNetwork::CpuNetwork(const Weights& weights, const Sizes& sizes) : sizes_(sizes) {
  const int features = sizes.features, growth = sizes.growth;
  first_ = convolution(weights, "conv_first", {input_channels()}, features);
  for (int b = 0; b < sizes.blocks; ++b) {
    std::array<DenseBlock, 3>& block = blocks_.emplace_back();
    for (int d = 0; d < 3; ++d) {
      std::vector<int> segments = {features};
      for (int c = 0; c < 5; ++c) {
        const std::string name = fmt::format("body.{}.rdb{}.conv{}", b, d + 1, c + 1);
        block[d].convs[c] = convolution(weights, name, segments, c == 4 ? features : growth);
        segments.push_back(growth);
      }
    }
  }
  body_ = convolution(weights, "conv_body", {features}, features);
  for (int i = 1; i <= (sizes.scale == 8 ? 3 : 2); ++i)
    ups_.push_back(convolution(weights, fmt::format("conv_up{}", i), {features}, features));
  hr_ = convolution(weights, "conv_hr", {features}, features);
  last_ = convolution(weights, "conv_last", {features}, 3);
}

void CpuNetwork::DenseBlock::operator()(VisionContext& context, const Features& x, const Features& grown,
                                        const Features& y, const Features* add) const {
  const int features = convs[4].outputs(), growth = convs[0].outputs();
  convs[0](context, x, grown, activated());
  for (int c = 1; c < 4; ++c) convs[c](context, x, features, grown, grown.channels(c * growth), activated());
  cpu::Epilogue residual;
  residual.scale = residual_scale;
  residual.add = &x;
  residual.scale2 = add == nullptr ? 1 : residual_scale;
  residual.add2 = add;
  convs[4](context, x, features, grown, y, residual);
}

void CpuNetwork::operator()(VisionContext& context, const Features& x, const Margins& margins,
                            const std::function<void(int, const Features&)>& sink) const {
  const int unit = sizes_.scale == 2 ? 2 : 1;  // pixels of the input that one of the features stands for
  // What of the margins lies farther out than `reach` is not computed any more.
  const auto cut = [&](int reach) {
    const auto drop = [&](std::int64_t margin) { return std::max<std::int64_t>(0, margin / unit - reach); };
    return Margins{drop(margins.left), drop(margins.top), drop(margins.right), drop(margins.bottom)};
  };
  const auto within = [&](const FeatureMap& map, int reach) {
    const Margins gone = cut(reach);
    return map.view().cropped(static_cast<int>(gone.left), static_cast<int>(gone.top), static_cast<int>(gone.right),
                              static_cast<int>(gone.bottom));
  };
  const auto make = [&](int channels) { return FeatureMap(context, 1, x.height, x.width, channels); };

  FeatureMap h = make(sizes_.features);
  {
    FeatureMap shallow = make(sizes_.features);
    first_(context, x, shallow.view());
    FeatureMap a = make(sizes_.features), b = make(sizes_.features), grown = make(4 * blocks_[0][0].convs[0].outputs());
    int reach = tail_reach + 1 + 15 * static_cast<int>(blocks_.size());
    const FeatureMap* in = &shallow;
    for (const auto& block : blocks_) {
      const auto part = [&](const FeatureMap& map) { return within(map, reach); };
      block[0](context, part(*in), part(grown), part(a));
      reach -= 5;
      block[1](context, part(a), part(grown), part(b));
      reach -= 5;
      const Features before = part(*in);
      block[2](context, part(b), part(grown), part(h), &before);
      reach -= 5;
      in = &h;
    }
    cpu::Epilogue residual;
    const Features add = within(shallow, reach);
    residual.add = &add;
    body_(context, within(*in, reach), within(a, reach), residual);
    std::swap(h, a);
  }
  const Margins gone = cut(tail_reach);
  const auto rest = [&](std::int64_t margin, std::int64_t cut_off) { return (margin - cut_off * unit) * sizes_.scale; };
  enlarge(context, within(h, tail_reach),
          {rest(margins.left, gone.left), rest(margins.top, gone.top), rest(margins.right, gone.right),
           rest(margins.bottom, gone.bottom)},
          sink);
}

void CpuNetwork::enlarge(VisionContext& context, const Features& h, const Margins& rest,
                         const std::function<void(int, const Features&)>& sink) const {
  const int factor = 1 << ups_.size();
  // Strips of rows, so that the largest features stay small.
  constexpr std::size_t most = std::size_t{4} << 20;  // floats
  const std::size_t row = std::size_t(factor) * factor * h.width * hr_.outputs();
  const int strip = static_cast<int>(std::clamp<std::size_t>(most / row, 4, 256));
  for (int first = 0; first < h.height; first += strip) {
    const int last = std::min(first + strip, h.height);
    const int above = std::min(first, tail_reach), below = std::min(h.height - last, tail_reach);
    const Features part = h.cropped(0, first - above, 0, h.height - last - below);
    FeatureMap y;
    for (std::size_t i = 0; i < ups_.size(); ++i) {
      const Features& from = i == 0 ? part : y.view();
      FeatureMap larger(context, 1, from.height * 2, from.width * 2, ups_[i].outputs());
      ups_[i](context, from, larger.view(), activated(), /*doubled=*/true);
      y = std::move(larger);
    }
    FeatureMap z(context, 1, y.view().height, y.view().width, hr_.outputs());
    hr_(context, y.view(), z.view(), activated());
    FeatureMap colours(context, 1, y.view().height, y.view().width, last_.outputs());
    last_(context, z.view(), colours.view());
    // The strip's own rows, and of those the ones that lie inside the margins.
    const int top = static_cast<int>(rest.top), end = h.height * factor - static_cast<int>(rest.bottom);
    const int from = std::max(first * factor, top), to = std::min(last * factor, end);
    if (from >= to) continue;
    const int start = (first - above) * factor;
    sink(from - top, colours.view().cropped(static_cast<int>(rest.left), from - start, static_cast<int>(rest.right),
                                            start + colours.view().height - to));
  }
}

}  // namespace kandinsky::realesrgan
