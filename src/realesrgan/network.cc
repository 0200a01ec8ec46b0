#include "realesrgan/network.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/add.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/pixel_unshuffle.h>
#include <ATen/ops/upsample_nearest2d.h>
#include <fmt/format.h>

#include <algorithm>

#include "core/fail.h"

namespace kandinsky::realesrgan {
namespace {

using Activation = Conv2d::Activation;

constexpr double residual_scale = 0.2;
constexpr std::int64_t reach = 2;  // of the convolutions after the blocks, in pixels of the input

std::string block_name(int block) { return fmt::format("body.{}", block); }

at::Tensor doubled(const at::Tensor& x) { return at::upsample_nearest2d(x, {x.size(2) * 2, x.size(3) * 2}); }

}  // namespace

Sizes Sizes::detect(const Weights& weights, const Checkpoint& checkpoint) {
  Sizes sizes;
  const std::int64_t in = weights.size("conv_first.weight", 4, 1);
  const std::int64_t features = weights.size("conv_first.weight", 4, 0);
  const std::int64_t growth = weights.size("body.0.rdb1.conv1.weight", 4, 0);
  if (in != 3 && in != 12)
    fail(ErrorCode::bad_file, checkpoint.name(), "conv_first takes {} channels, expected 3, or 12 for x2", in);
  if (features < 1 || features > 4096 || growth < 1 || growth > 4096)
    fail(ErrorCode::bad_file, checkpoint.name(), "{} features and a growth of {} are no RRDBNet's", features, growth);
  sizes.features = static_cast<int>(features);
  sizes.growth = static_cast<int>(growth);
  sizes.scale = in == 12 ? 2 : weights.has("conv_up3.weight") ? 8 : 4;
  sizes.blocks = 0;
  while (sizes.blocks < 1024 && weights.has(block_name(sizes.blocks) + ".rdb1.conv1.weight")) ++sizes.blocks;
  return sizes;
}

Network::Network(const Weights& weights, const Sizes& sizes) : sizes_(sizes) {
  const int features = sizes.features, growth = sizes.growth;
  first_ = Conv2d::load(weights, "conv_first", sizes.scale == 2 ? 12 : 3, features, 3, 1);
  for (int b = 0; b < sizes.blocks; ++b) {
    Block& block = blocks_.emplace_back();
    for (int d = 0; d < 3; ++d) {
      const Weights part = weights.under(fmt::format("{}.rdb{}", block_name(b), d + 1));
      for (int c = 0; c < 5; ++c)
        block[d].convs[c] =
            Conv2d::load(part, fmt::format("conv{}", c + 1), features + c * growth, c == 4 ? features : growth, 3, 1);
#if defined(KANDINSKY_CUDA)
      if (CudaDenseBlock::fits(block[d].convs)) block[d].on_cuda.emplace(block[d].convs);
#endif
    }
  }
  body_ = Conv2d::load(weights, "conv_body", features, features, 3, 1);
  for (int i = 1; i <= (sizes.scale == 8 ? 3 : 2); ++i)
    ups_.push_back(Conv2d::load(weights, fmt::format("conv_up{}", i), features, features, 3, 1));
  hr_ = Conv2d::load(weights, "conv_hr", features, features, 3, 1);
  last_ = Conv2d::load(weights, "conv_last", features, 3, 3, 1);
}

std::int64_t Network::parameter_count() const {
  std::int64_t count =
      first_.parameter_count() + body_.parameter_count() + hr_.parameter_count() + last_.parameter_count();
  for (const Conv2d& conv : ups_) count += conv.parameter_count();
  for (const Block& block : blocks_)
    for (const DenseBlock& dense : block)
      for (const Conv2d& conv : dense.convs) count += conv.parameter_count();
  return count;
}

at::Tensor Network::DenseBlock::operator()(const at::Tensor& x, const at::Tensor& outer) const {
#if defined(KANDINSKY_CUDA)
  if (on_cuda) return (*on_cuda)(x, outer);
#endif
  at::Tensor all = x;
  for (int c = 0; c < 4; ++c) all = at::cat({all, convs[c](all, Activation::leaky_relu)}, 1);
  const at::Tensor y = convs[4](all).mul_(residual_scale).add_(x);
  return outer.defined() ? y.mul_(residual_scale).add_(outer) : y;
}

at::Tensor Network::operator()(const at::Tensor& x, const Margins& margins) const {
  const at::Tensor input = (sizes_.scale == 2 ? at::pixel_unshuffle(x, 2) : x).to(first_.scalar_type());
  const int unit = sizes_.scale == 2 ? 2 : 1;  // pixels of the input that one of the features stands for
  const at::Tensor shallow = first_(input.contiguous(at::MemoryFormat::ChannelsLast));
  at::Tensor h = shallow;
  for (const Block& block : blocks_) h = block[2](block[1](block[0](h)), h);
  h = body_(h).add_(shallow);

  // All but the reach of what follows is dropped now, and the rest at the end.
  const auto drop = [&](std::int64_t margin) { return std::max<std::int64_t>(0, margin / unit - reach); };
  const Margins cut = {drop(margins.left), drop(margins.top), drop(margins.right), drop(margins.bottom)};
  h = h.slice(2, cut.top, h.size(2) - cut.bottom)
          .slice(3, cut.left, h.size(3) - cut.right)
          .contiguous(at::MemoryFormat::ChannelsLast);
  for (const Conv2d& up : ups_) h = up(doubled(h), Activation::leaky_relu);
  h = last_(hr_(h, Activation::leaky_relu));
  const int scale = sizes_.scale;
  const auto rest = [&](std::int64_t margin, std::int64_t gone) { return (margin - gone * unit) * scale; };
  return h.slice(2, rest(margins.top, cut.top), h.size(2) - rest(margins.bottom, cut.bottom))
      .slice(3, rest(margins.left, cut.left), h.size(3) - rest(margins.right, cut.right));
}

}  // namespace kandinsky::realesrgan
