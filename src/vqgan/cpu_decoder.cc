#include "vqgan/cpu_decoder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace kandinsky::vqgan {
namespace {

using cpu::FeatureMap;
using cpu::Features;
using cpu::VisionContext;

cpu::Normalization normalization(const Weights& weights, std::string_view name, int channels) {
  const Weights part = weights.under(name);
  const at::Tensor weight = part.get("weight", {channels}), bias = part.get("bias", {channels});
  return {weight.const_data_ptr<float>(), bias.const_data_ptr<float>(), channels};
}

cpu::Convolution3x3 convolution3(const Weights& weights, std::string_view name, int in, int out) {
  const Weights part = weights.under(name);
  const at::Tensor weight = part.get("weight", {out, in, 3, 3}), bias = part.get("bias", {out});
  return {weight.const_data_ptr<float>(), bias.const_data_ptr<float>(), out, {in}};
}

cpu::Convolution1x1 convolution1(const Weights& weights, std::string_view name, int in, int out) {
  const Weights part = weights.under(name);
  const at::Tensor weight = part.get("weight", {out, in, 1, 1}), bias = part.get("bias", {out});
  return {weight.const_data_ptr<float>(), bias.const_data_ptr<float>(), out, in};
}

FeatureMap like(VisionContext& context, const Features& x, int channels) {
  return {context, x.pictures, x.height, x.width, channels};
}

}  // namespace

CpuDecoder::ResidualBlock CpuDecoder::residual_block(const Weights& weights, int in, int out) {
  ResidualBlock block{normalization(weights, "norm1", in), normalization(weights, "norm2", out),
                      convolution3(weights, "conv1", in, out), convolution3(weights, "conv2", out, out), std::nullopt};
  if (in != out) block.shortcut = convolution1(weights, "nin_shortcut", in, out);
  return block;
}

FeatureMap CpuDecoder::ResidualBlock::operator()(VisionContext& context, FeatureMap x) const {
  const Features in = x.view();
  FeatureMap h = like(context, in, conv1.outputs());
  {
    FeatureMap normed = like(context, in, x.channels());
    norm1(context, in, true, normed.view());
    conv1(context, normed.view(), h.view());
  }
  norm2(context, h.view(), true, h.view());
  FeatureMap y = std::move(x);
  if (shortcut) {
    FeatureMap other = like(context, in, conv2.outputs());
    (*shortcut)(context, in, other.view());
    y = std::move(other);
  }
  cpu::Epilogue residual;
  residual.add = &y.view();
  conv2(context, h.view(), y.view(), residual);
  return y;
}

CpuDecoder::AttentionBlock CpuDecoder::attention_block(const Weights& weights, int channels) {
  return {channels,
          normalization(weights, "norm", channels),
          convolution1(weights, "q", channels, channels),
          convolution1(weights, "k", channels, channels),
          convolution1(weights, "v", channels, channels),
          convolution1(weights, "proj_out", channels, channels)};
}

FeatureMap CpuDecoder::AttentionBlock::operator()(VisionContext& context, FeatureMap x) const {
  FeatureMap h = like(context, x.view(), channels), q = like(context, x.view(), channels);
  FeatureMap k = like(context, x.view(), channels), v = like(context, x.view(), channels);
  norm(context, x.view(), false, h.view());
  query(context, h.view(), q.view());
  key(context, h.view(), k.view());
  value(context, h.view(), v.view());
  cpu::attend(context, channels, q.view(), k.view(), v.view(), h.view());
  projection(context, h.view(), x.view(), &x.view());
  return x;
}

CpuDecoder::CpuDecoder(const Weights& weights, const VqganConfig& config)
    : embed_dim_(config.embed_dim),
      codebook_(weights.get("quantize.embed.weight", {config.codebook_size, config.embed_dim})),
      post_quant_(convolution1(weights, config.wavelet ? "decoder.post_quant_conv" : "post_quant_conv",
                               config.embed_dim, config.z_channels)) {
  const Weights part = weights.under(config.wavelet ? "decoder.decoder" : "decoder");
  const int levels = static_cast<int>(config.channel_multipliers.size());
  const auto attends = [&](int resolution) {
    return std::ranges::find(config.attention_resolutions, resolution) != config.attention_resolutions.end();
  };
  int in = config.channels * config.channel_multipliers.back();
  int resolution = config.resolution >> (levels - 1);
  conv_in_ = convolution3(part, "conv_in", config.z_channels, in);
  const Weights middle = part.under("mid");
  middle1_ = residual_block(middle.under("block_1"), in, in);
  middle_attention_ = attention_block(middle.under("attn_1"), in);
  middle2_ = residual_block(middle.under("block_2"), in, in);
  for (int i = levels - 1; i >= 0; --i) {
    const Weights up = part.under(fmt::format("up.{}", i));
    Level& level = levels_.emplace_back();
    const int out = config.channels * config.channel_multipliers[i];
    for (int j = 0; j <= config.residual_blocks; ++j) {
      level.blocks.push_back(residual_block(up.under(fmt::format("block.{}", j)), in, out));
      in = out;
      if (attends(resolution)) level.attentions.push_back(attention_block(up.under(fmt::format("attn.{}", j)), in));
    }
    if (i == 0) continue;
    level.upsample = convolution3(up, "upsample.conv", in, in);
    resolution *= 2;
  }
  norm_out_ = normalization(part, "norm_out", in);
  conv_out_ = convolution3(part, "conv_out", in, config.wavelet ? 12 : 3);
}

FeatureMap CpuDecoder::run(const Level& level, VisionContext& context, FeatureMap x) const {
  for (std::size_t j = 0; j < level.blocks.size(); ++j) {
    x = level.blocks[j](context, std::move(x));
    if (!level.attentions.empty()) x = level.attentions[j](context, std::move(x));
  }
  if (!level.upsample) return x;
  FeatureMap larger(context, x.view().pictures, x.view().height * 2, x.view().width * 2, level.upsample->outputs());
  (*level.upsample)(context, x.view(), larger.view(), {}, /*doubled=*/true);
  return larger;
}

FeatureMap CpuDecoder::finish(VisionContext& context, FeatureMap x) const {
  norm_out_(context, x.view(), true, x.view());
  FeatureMap y = like(context, x.view(), conv_out_.outputs());
  conv_out_(context, x.view(), y.view());
  return y;
}

void CpuDecoder::operator()(VisionContext& context, std::span<const std::int32_t> ids, int count, int height, int width,
                            const std::function<void(const Features&)>& sink) const {
  FeatureMap codes(context, count, height, width, embed_dim_);
  const std::size_t stride = codes.view().pixel;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    float* to = codes.view().data + i * stride;
    std::memcpy(to, codebook_.const_data_ptr<float>() + std::size_t(ids[i]) * embed_dim_, embed_dim_ * sizeof(float));
    std::fill(to + embed_dim_, to + stride, 0.0f);
  }
  FeatureMap z = like(context, codes.view(), post_quant_.outputs());
  post_quant_(context, codes.view(), z.view());
  FeatureMap h = like(context, z.view(), conv_in_.outputs());
  conv_in_(context, z.view(), h.view());
  h = middle2_(context, middle_attention_(context, middle1_(context, std::move(h))));

  // Small pictures go through together, large ones one by one, so that their features stay in the cache.
  constexpr std::size_t large = std::size_t{256} << 10;  // floats
  std::size_t together = 0;
  while (together < levels_.size() && h.view().picture < large) h = run(levels_[together++], context, std::move(h));
  if (together == levels_.size()) {
    sink(finish(context, std::move(h)).view());
    return;
  }
  for (int n = 0; n < count; ++n) {
    FeatureMap one = like(context, h.view().pictures_from(n, 1), h.channels());
    std::memcpy(one.view().data, h.view().at(n, 0, 0), one.view().picture * sizeof(float));
    for (std::size_t i = together; i < levels_.size(); ++i) one = run(levels_[i], context, std::move(one));
    sink(finish(context, std::move(one)).view());
  }
}

}  // namespace kandinsky::vqgan
