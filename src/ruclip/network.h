#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string_view>
#include <vector>

#include "kandinsky/ruclip.h"
#include "tensor/weights.h"

namespace kandinsky::ruclip {

struct LayerNorm {
  at::Tensor weight, bias;
  static LayerNorm load(const Weights& weights, std::string_view name, std::int64_t width);
  at::Tensor operator()(const at::Tensor& x) const;
};

struct Linear {
  at::Tensor weight, bias;  // [out, in], [out]
  at::Tensor operator()(const at::Tensor& x) const;
};

// Pre-norm blocks with QuickGELU, as OpenAI's CLIP has them.
class Transformer {
 public:
  Transformer(const Weights& weights, int layers, int width, int heads);
  // [n, positions, width]
  // x, fp32, is overwritten. Half-precision weights multiply halves; sums, norms and x stay fp32.
  at::Tensor operator()(at::Tensor x, bool causal) const;

 private:
  struct Block {
    LayerNorm norm1, norm2;
    Linear query_key_value, out, up, down;
  };
  int heads_;
  std::vector<Block> blocks_;
};

class Network {
 public:
  // The blocks' matrices are kept in the weights' type, all else in fp32.
  Network(const Weights& weights, const RuClipConfig& config);

  // [n, 3, resolution, resolution], normalised pixels, to [n, embed_dim].
  at::Tensor image(const at::Tensor& pixels) const;
  // [n, context_length] int64 ids, each row with an eos, to [n, embed_dim].
  at::Tensor text(const at::Tensor& ids) const;

 private:
  Network(const Weights& matrices, const Weights& others, const RuClipConfig& config);

  RuClipConfig config_;
  at::Tensor patch_weight_;  // [width, 3 patch patch]
  at::Tensor class_embedding_, vision_positions_, vision_projection_;
  LayerNorm norm_before_, norm_after_;
  Transformer vision_;
  at::Tensor token_embedding_, text_positions_, text_projection_;
  LayerNorm norm_text_;
  Transformer text_;
  at::Tensor logit_scale_;
};

constexpr std::int64_t eos = 3;

}  // namespace kandinsky::ruclip
