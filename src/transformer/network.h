#pragma once
#include <ATen/core/Tensor.h>

#include <array>
#include <vector>

#include "transformer/masks.h"
#include "transformer/transformer_weights.h"

namespace kandinsky {

// The transformer over whole sequences: each position sees the true tokens before it. Written as the papers
// draw it (CogView, ruDALL-E), differentiable, on any LibTorch device; the oracle of the token loops.
// Immutable.
//
// A sequence is text_length text ids and n image ids, 0 <= n <= grid * grid, as int64. In version 3 position
// i of the answers is that of token i. Version 2 puts token 2 before the text, so every token stands one
// position later, and cuts the sequence to text_length + grid * grid positions: the last image id is then no
// input.
class Network {
 public:
  Network(TransformerWeights weights, const TransformerConfig& config);

  const TransformerConfig& config() const { return config_; }
  // With norms in fp32.
  const TransformerWeights& weights() const { return weights_; }
  at::Device device() const { return weights_.logits.weight.device(); }

  // ids: [batch, text_length + n]. Outputs of the final norms, fp32: [batch, positions, hidden]. Every
  // layer's output is appended to `layer_outputs`.
  at::Tensor states(const at::Tensor& ids, std::vector<at::Tensor>* layer_outputs = nullptr) const;
  // The norms after the last layer.
  at::Tensor finish(const at::Tensor& x) const;
  // Scores of the next token from states of any positions, fp32: [..., text_vocab + image_vocab], or those of
  // one vocabulary.
  at::Tensor logits(const at::Tensor& states) const;
  at::Tensor text_logits(const at::Tensor& states) const;
  at::Tensor image_logits(const at::Tensor& states) const;

  // ids: [batch, text_length]. What stands for them in a sequence: padding ids in place of zeros, and version
  // 2's first token. [batch, text_length (+ 1)].
  at::Tensor text_tokens(const at::Tensor& ids) const;
  // The position whose state image id `index` is predicted from.
  int predicting(int index) const { return config_.text_length - (config_.version == 2 ? 0 : 1) + index; }

 private:
  at::Tensor embed(const at::Tensor& ids) const;

  TransformerWeights weights_;
  TransformerConfig config_;
  std::array<at::Tensor, 3> visible_;  // by MaskKind: [positions, positions], bool
};

// ids: [batch, text_length]; zeros become the padding ids of their positions.
at::Tensor pad_text(const at::Tensor& ids, const TransformerConfig& config);
// ids, indices (in raster order): any shape, the same or broadcast; fp32 [..., hidden].
at::Tensor embed_image(const TransformerWeights& weights, const at::Tensor& ids, const at::Tensor& indices, int grid);
// tokens: [batch, n], at positions 0..n-1 of a text; fp32 [batch, n, hidden].
at::Tensor embed_text(const TransformerWeights& weights, const at::Tensor& tokens);

}  // namespace kandinsky
