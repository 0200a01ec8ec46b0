#pragma once
#include <ATen/core/Tensor.h>

#include <vector>

#include "kandinsky/transformer.h"
#include "tensor/weights.h"

namespace kandinsky {

struct NormWeights {
  at::Tensor weight;  // [n]
  at::Tensor bias;    // [n]
};

struct LinearWeights {
  at::Tensor weight;  // [out, in]
  at::Tensor bias;    // [out]
};

struct LayerWeights {
  NormWeights input_norm;
  LinearWeights query_key_value;    // [3 hidden, hidden]
  LinearWeights dense;              // [hidden, hidden]
  NormWeights first_addition_norm;  // undefined tensors without sandwich
  NormWeights post_attention_norm;
  LinearWeights up;                  // [4 hidden, hidden]
  LinearWeights down;                // [hidden, 4 hidden]
  NormWeights second_addition_norm;  // undefined tensors without sandwich
};

// The parameters under the checkpoint's own names.
struct TransformerWeights {
  at::Tensor text_embeddings;   // [text_vocab, hidden]
  at::Tensor text_positions;    // [text_length + 1, hidden]
  at::Tensor image_embeddings;  // [image_vocab, hidden]
  at::Tensor image_rows;        // [grid, hidden]
  at::Tensor image_columns;     // [grid, hidden]
  std::vector<LayerWeights> layers;
  NormWeights final_norm;
  NormWeights logits_norm;
  LinearWeights logits;  // [text_vocab + image_vocab, hidden]

  static TransformerWeights load(const Weights& weights, const TransformerConfig& config);
};

}  // namespace kandinsky
