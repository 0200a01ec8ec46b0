#include "vqgan/blocks.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/baddbmm.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/group_norm.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/softmax.h>

#include <cmath>

#if defined(KANDINSKY_CUDA)
#include <c10/core/impl/VirtualGuardImpl.h>

#include "kernels/cuda/vision/group_norm.h"
#endif

namespace kandinsky::vqgan {
namespace {

constexpr double epsilon = 1e-6;

// Our own kernel where it can do it, else an undefined tensor.
at::Tensor group_norm_on_cuda([[maybe_unused]] const GroupNorm& norm, [[maybe_unused]] const at::Tensor& x,
                              [[maybe_unused]] bool swish) {
#if defined(KANDINSKY_CUDA)
  const cuda::GroupNormShape shape{static_cast<int>(x.size(0)), static_cast<int>(x.size(2) * x.size(3)),
                                   static_cast<int>(x.size(1))};
  if (!x.is_cuda() || x.scalar_type() != at::kFloat || !x.is_contiguous(at::MemoryFormat::ChannelsLast) ||
      !shape.fits())
    return {};
  at::Tensor y = at::empty_like(x);
  const at::Tensor scratch = at::empty({static_cast<std::int64_t>(cuda::group_norm_scratch(shape))}, x.options());
  const c10::Stream stream = c10::impl::VirtualGuardImpl(c10::DeviceType::CUDA).getStream(x.device());
  cuda::group_norm(x.const_data_ptr<float>(), y.mutable_data_ptr<float>(), shape, norm.weight.const_data_ptr<float>(),
                   norm.bias.const_data_ptr<float>(), static_cast<float>(epsilon), swish,
                   scratch.mutable_data_ptr<float>(), stream.native_handle());
  return y;
#else
  return {};
#endif
}

}  // namespace

GroupNorm GroupNorm::load(const Weights& weights, std::string_view name, std::int64_t channels) {
  const Weights part = weights.under(name);
  return {part.get("weight", {channels}), part.get("bias", {channels})};
}

at::Tensor GroupNorm::operator()(const at::Tensor& x, bool swish) const {
  if (at::Tensor y = group_norm_on_cuda(*this, x, swish); y.defined()) return y;
  at::Tensor y = at::group_norm(x, 32, weight, bias, epsilon);
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

at::Tensor Middle::operator()(const at::Tensor& x) const { return second(attention(first(x))); }

}  // namespace kandinsky::vqgan
