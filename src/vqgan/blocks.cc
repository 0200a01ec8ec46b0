#include "vqgan/blocks.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/baddbmm.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/group_norm.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/softmax.h>

#include <cmath>

namespace kandinsky::vqgan {

GroupNorm GroupNorm::load(const Weights& weights, std::string_view name, std::int64_t channels) {
  const Weights part = weights.under(name);
  return {part.get("weight", {channels}), part.get("bias", {channels})};
}

at::Tensor GroupNorm::operator()(const at::Tensor& x, bool swish) const {
  at::Tensor y = at::group_norm(x, 32, weight, bias, 1e-6);
  return swish ? at::silu_(y) : y;
}

ResidualBlock ResidualBlock::load(const Weights& weights, std::int64_t in, std::int64_t out) {
  ResidualBlock block;
  block.norm1 = GroupNorm::load(weights, "norm1", in);
  block.conv1 = Conv2d::load(weights, "conv1", in, out, 3, 1);
  block.norm2 = GroupNorm::load(weights, "norm2", out);
  block.conv2 = Conv2d::load(weights, "conv2", out, out, 3, 1);
  if (in != out) block.shortcut = Conv2d::load(weights, "nin_shortcut", in, out, 1, 0);
  return block;
}

at::Tensor ResidualBlock::operator()(const at::Tensor& x) const {
  const at::Tensor h = conv2(norm2(conv1(norm1(x, true)), true));
  return shortcut ? (*shortcut)(x).add_(h) : x + h;
}

AttentionBlock AttentionBlock::load(const Weights& weights, std::int64_t channels) {
  AttentionBlock block;
  block.norm = GroupNorm::load(weights, "norm", channels);
  block.query = Conv2d::load(weights, "q", channels, channels, 1, 0);
  block.key = Conv2d::load(weights, "k", channels, channels, 1, 0);
  block.value = Conv2d::load(weights, "v", channels, channels, 1, 0);
  block.projection = Conv2d::load(weights, "proj_out", channels, channels, 1, 0);
  return block;
}

at::Tensor AttentionBlock::operator()(const at::Tensor& x) const {
  const at::Tensor h = norm(x, false);
  const std::int64_t n = x.size(0), channels = x.size(1), height = x.size(2), width = x.size(3);
  // [n, channels, pixels]
  const at::Tensor q = query(h).reshape({n, channels, height * width});
  const at::Tensor k = key(h).reshape({n, channels, height * width});
  const at::Tensor v = value(h).reshape({n, channels, height * width});
  const double scale = 1 / std::sqrt(static_cast<double>(channels));
  const at::Tensor scores = at::bmm(q.transpose(1, 2), k).mul_(scale);
  const at::Tensor mixed = at::bmm(v, at::softmax(scores, 2).transpose(1, 2));
  return x + projection(mixed.reshape({n, channels, height, width}).contiguous(x.suggest_memory_format()));
}

Middle Middle::load(const Weights& weights, std::int64_t channels) {
  return {ResidualBlock::load(weights.under("block_1"), channels, channels),
          AttentionBlock::load(weights.under("attn_1"), channels),
          ResidualBlock::load(weights.under("block_2"), channels, channels)};
}

at::Tensor Middle::operator()(const at::Tensor& x) const {
  return second(attention(first(x)));
}

}  // namespace kandinsky::vqgan
