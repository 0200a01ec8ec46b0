#include "vqgan/network.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/upsample_nearest2d.h>
#include <fmt/format.h>

#include <algorithm>

namespace kandinsky::vqgan {
namespace {

bool attends(const VqganConfig& config, int resolution) {
  const auto& list = config.attention_resolutions;
  return std::find(list.begin(), list.end(), resolution) != list.end();
}

int width_of(const VqganConfig& config, int level) { return config.channels * config.channel_multipliers[level]; }

}  // namespace

Encoder::Encoder(const Weights& weights, const VqganConfig& config) {
  const int levels = static_cast<int>(config.channel_multipliers.size());
  conv_in_ = Conv2d::load(weights, "conv_in", 3, config.channels, 3, 1);
  int in = config.channels;
  int resolution = config.resolution;
  for (int i = 0; i < levels; ++i) {
    const Weights part = weights.under(fmt::format("down.{}", i));
    Level& level = levels_.emplace_back();
    const int out = width_of(config, i);
    for (int j = 0; j < config.residual_blocks; ++j) {
      level.blocks.push_back(ResidualBlock::load(part.under(fmt::format("block.{}", j)), in, out));
      in = out;
      if (attends(config, resolution))
        level.attentions.push_back(AttentionBlock::load(part.under(fmt::format("attn.{}", j)), in));
    }
    if (i + 1 == levels) continue;
    level.downsample = Conv2d::load(part, "downsample.conv", in, in, 3, 0, 2);
    resolution /= 2;
  }
  middle_ = Middle::load(weights.under("mid"), in);
  norm_out_ = GroupNorm::load(weights, "norm_out", in);
  conv_out_ = Conv2d::load(weights, "conv_out", in, config.z_channels, 3, 1);
}

at::Tensor Encoder::operator()(const at::Tensor& x) const {
  at::Tensor h = conv_in_(x);
  for (const Level& level : levels_) {
    for (std::size_t j = 0; j < level.blocks.size(); ++j) {
      h = level.blocks[j](h);
      if (!level.attentions.empty()) h = level.attentions[j](h);
    }
    if (level.downsample) h = (*level.downsample)(at::constant_pad_nd(h, {0, 1, 0, 1}, 0));
  }
  return conv_out_(norm_out_(middle_(h), true));
}

Decoder::Decoder(const Weights& weights, const VqganConfig& config) {
  const int levels = static_cast<int>(config.channel_multipliers.size());
  int in = width_of(config, levels - 1);
  int resolution = config.resolution >> (levels - 1);
  conv_in_ = Conv2d::load(weights, "conv_in", config.z_channels, in, 3, 1);
  middle_ = Middle::load(weights.under("mid"), in);
  for (int i = levels - 1; i >= 0; --i) {
    const Weights part = weights.under(fmt::format("up.{}", i));
    Level& level = levels_.emplace_back();
    const int out = width_of(config, i);
    for (int j = 0; j <= config.residual_blocks; ++j) {
      level.blocks.push_back(ResidualBlock::load(part.under(fmt::format("block.{}", j)), in, out));
      in = out;
      if (attends(config, resolution))
        level.attentions.push_back(AttentionBlock::load(part.under(fmt::format("attn.{}", j)), in));
    }
    if (i == 0) continue;
    level.upsample = Conv2d::load(part, "upsample.conv", in, in, 3, 1);
    resolution *= 2;
  }
  norm_out_ = GroupNorm::load(weights, "norm_out", in);
  conv_out_ = Conv2d::load(weights, "conv_out", in, config.wavelet ? 12 : 3, 3, 1);
}

at::Tensor Decoder::operator()(const at::Tensor& z) const {
  at::Tensor h = middle_(conv_in_(z));
  for (const Level& level : levels_) {
    for (std::size_t j = 0; j < level.blocks.size(); ++j) {
      h = level.blocks[j](h);
      if (!level.attentions.empty()) h = level.attentions[j](h);
    }
    if (level.upsample) h = (*level.upsample)(at::upsample_nearest2d(h, {h.size(2) * 2, h.size(3) * 2}));
  }
  return conv_out_(norm_out_(h, true));
}

Network::Network(const Weights& weights, const VqganConfig& config, bool with_encoder, bool with_decoder)
    : config_(config) {
  if (with_decoder) {
    codebook_ = weights.get("quantize.embed.weight", {config.codebook_size, config.embed_dim});
    post_quant_conv_ = Conv2d::load(weights, config.wavelet ? "decoder.post_quant_conv" : "post_quant_conv",
                                    config.embed_dim, config.z_channels, 1, 0);
    decoder_.emplace(weights.under(config.wavelet ? "decoder.decoder" : "decoder"), config);
  }
  if (!with_encoder) return;
  encoder_.emplace(weights.under("encoder"), config);
  quant_conv_ = Conv2d::load(weights, "quant_conv", config.z_channels, config.embed_dim, 1, 0);
  projection_ = Conv2d::load(weights, "quantize.proj", config.z_channels, config.codebook_size, 1, 0);
}

at::Tensor Network::features(const at::Tensor& pixels) const {
  return (*quant_conv_)((*encoder_)(pixels.contiguous(at::MemoryFormat::ChannelsLast)));
}

at::Tensor Network::scores(const at::Tensor& features) const { return (*projection_)(features); }

at::Tensor Network::decode(const at::Tensor& ids) const {
  // [n, h, w, embed_dim] seen as channels-last [n, embed_dim, h, w]
  const at::Tensor z = at::embedding(codebook_, ids).permute({0, 3, 1, 2});
  const at::Tensor pixels = (*decoder_)((*post_quant_conv_)(z));
  return config_.wavelet ? inverse_haar(pixels) : pixels;
}

at::Tensor inverse_haar(const at::Tensor& x) {
  const std::int64_t n = x.size(0), height = x.size(2), width = x.size(3);
  const at::Tensor low = x.slice(1, 0, 3);
  const at::Tensor bands = x.slice(1, 3, 12).reshape({n, 3, 3, height, width});
  const at::Tensor b0 = bands.select(2, 0), b1 = bands.select(2, 1), b2 = bands.select(2, 2);
  const at::Tensor even = at::stack({low + b0 + b1 + b2, low + b0 - b1 - b2}, -1);  // [n, 3, h, w, 2]
  const at::Tensor odd = at::stack({low - b0 + b1 - b2, low - b0 - b1 + b2}, -1);
  return (at::stack({even, odd}, 3) * 0.5).reshape({n, 3, height * 2, width * 2});
}

VqganConfig sizes_of(const Weights& weights, VqganConfig config) {
  config.wavelet = weights.has("decoder.decoder.conv_in.weight");
  config.codebook_size = static_cast<int>(weights.size("quantize.embed.weight", 2, 0));
  config.embed_dim = static_cast<int>(weights.size("quantize.embed.weight", 2, 1));
  const std::string decoder = config.wavelet ? "decoder.decoder." : "decoder.";
  config.z_channels = static_cast<int>(weights.size(decoder + "conv_in.weight", 4, 1));
  return config;
}

Weights without_prefix(const Weights& weights) {
  return weights.has("model.quantize.embed.weight") ? weights.under("model") : weights;
}

}  // namespace kandinsky::vqgan
