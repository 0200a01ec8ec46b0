#pragma once
#include <ATen/core/Tensor.h>

#include <optional>
#include <vector>

#include "kandinsky/vqgan.h"
#include "vqgan/blocks.h"

namespace kandinsky::vqgan {

class Encoder {
 public:
  Encoder(const Weights& weights, const VqganConfig& config);
  at::Tensor operator()(const at::Tensor& x) const;

 private:
  struct Level {
    std::vector<ResidualBlock> blocks;
    std::vector<AttentionBlock> attentions;  // one a block, or none
    std::optional<Conv2d> downsample;
  };
  Conv2d conv_in_, conv_out_;
  std::vector<Level> levels_;
  Middle middle_;
  GroupNorm norm_out_;
};

class Decoder {
 public:
  Decoder(const Weights& weights, const VqganConfig& config);
  at::Tensor operator()(const at::Tensor& z) const;

 private:
  struct Level {
    std::vector<ResidualBlock> blocks;
    std::vector<AttentionBlock> attentions;
    std::optional<Conv2d> upsample;
  };
  Conv2d conv_in_, conv_out_;
  std::vector<Level> levels_;  // as they run: the last of the checkpoint first
  Middle middle_;
  GroupNorm norm_out_;
};

// The model: pixels to ids and ids to pixels.
class Network {
 public:
  Network(const Weights& weights, const VqganConfig& config, bool with_encoder, bool with_decoder = true);

  bool has_encoder() const { return encoder_.has_value(); }
  const VqganConfig& config() const { return config_; }

  // [n, 3, h, w] in [-1, 1] to what the quantizer projects, [n, embed_dim, h / f, w / f].
  at::Tensor features(const at::Tensor& pixels) const;
  // Scores of the codebook's entries, [n, codebook_size, h, w].
  at::Tensor scores(const at::Tensor& features) const;
  // ids [n, h, w] to pixels, before clamping.
  at::Tensor decode(const at::Tensor& ids) const;

 private:
  VqganConfig config_;
  std::optional<Encoder> encoder_;
  std::optional<Conv2d> quant_conv_, projection_;
  at::Tensor codebook_;  // [codebook_size, embed_dim]
  std::optional<Conv2d> post_quant_conv_;
  std::optional<Decoder> decoder_;
};

// One inverse step of the Haar wavelet (db1, zero mode): [n, 12, h, w], three low channels and three bands a
// colour, to [n, 3, 2h, 2w].
at::Tensor inverse_haar(const at::Tensor& x);

// The fields that tensor shapes tell, put into `config`. Throws Error (bad_file).
VqganConfig sizes_of(const Weights& weights, VqganConfig config);

// `model.` before every name is tolerated.
Weights without_prefix(const Weights& weights);

}  // namespace kandinsky::vqgan
