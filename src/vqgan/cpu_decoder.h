#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "kandinsky/vqgan.h"
#include "kernels/cpu/vision_layers.h"
#include "tensor/weights.h"

namespace kandinsky::vqgan {

// The decoder on our own kernels, for processors that have them. Same weights, same formulas as Decoder in
// network.h.
class CpuDecoder {
 public:
  CpuDecoder(const Weights& weights, const VqganConfig& config);

  // `count` pictures of height x width ids to features whose channels are the decoder's answer, before
  // clamping: 3 colours, or for the wavelet variant 12 channels. `sink` gets them from the first picture to
  // the last, one or several at a time.
  void operator()(cpu::VisionContext& context, std::span<const std::int32_t> ids, int count, int height, int width,
                  const std::function<void(const cpu::Features&)>& sink) const;

 private:
  struct ResidualBlock {
    cpu::Normalization norm1, norm2;
    cpu::Convolution3x3 conv1, conv2;
    std::optional<cpu::Convolution1x1> shortcut;
    cpu::FeatureMap operator()(cpu::VisionContext& context, cpu::FeatureMap x) const;
  };
  struct AttentionBlock {
    int channels = 0;
    cpu::Normalization norm;
    cpu::Convolution1x1 query, key, value, projection;
    cpu::FeatureMap operator()(cpu::VisionContext& context, cpu::FeatureMap x) const;
  };
  struct Level {
    std::vector<ResidualBlock> blocks;
    std::vector<AttentionBlock> attentions;  // one a block, or none
    std::optional<cpu::Convolution3x3> upsample;
  };

  static ResidualBlock residual_block(const Weights& weights, int in, int out);
  static AttentionBlock attention_block(const Weights& weights, int channels);
  cpu::FeatureMap run(const Level& level, cpu::VisionContext& context, cpu::FeatureMap x) const;
  cpu::FeatureMap finish(cpu::VisionContext& context, cpu::FeatureMap x) const;

  int embed_dim_;
  at::Tensor codebook_;
  cpu::Convolution1x1 post_quant_;
  cpu::Convolution3x3 conv_in_, conv_out_;
  ResidualBlock middle1_, middle2_;
  AttentionBlock middle_attention_;
  std::vector<Level> levels_;  // as they run: the last of the checkpoint first
  cpu::Normalization norm_out_;
};

}  // namespace kandinsky::vqgan
