#pragma once
#include <ATen/core/Tensor.h>

#include "transformer/transformer_weights.h"

// The parts of a transformer block as LibTorch operations, for any device. The residual stream and the norms
// are fp32; products run in the weights' type.
namespace kandinsky::block {

// The same weights with norms in fp32, as the functions below expect them.
TransformerWeights with_fp32_norms(TransformerWeights weights);

// x: [..., n]; fp32.
at::Tensor normalize(const at::Tensor& x, const NormWeights& norm);
// x: [..., in] of any type; [..., out] in the weights' type.
at::Tensor project(const at::Tensor& x, const LinearWeights& linear);

struct Heads {
  at::Tensor query, key, value;  // [batch, heads, positions, head_size]
};

// x: [batch, positions, hidden].
Heads query_key_value(const at::Tensor& x, const LayerWeights& layer, int heads);

// query, key, value: [n, positions, head_size]; visible: [positions, positions], bool. Masked scores are
// -10000, as in training. `relax` is the precision-bottleneck relaxation of CogView: it changes rounding
// only. [n, positions, head_size].
at::Tensor attend(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value, const at::Tensor& visible,
                  bool relax);

// x + attention's output, from the heads' joined results; x + the MLP's output.
at::Tensor add_attention(const at::Tensor& x, const at::Tensor& context, const LayerWeights& layer);
at::Tensor add_mlp(const at::Tensor& x, const LayerWeights& layer);

}  // namespace kandinsky::block
