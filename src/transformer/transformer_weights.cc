#include "transformer/transformer_weights.h"

#include <fmt/format.h>

namespace kandinsky {
namespace {

NormWeights norm(const Weights& weights, const char* name, std::int64_t n) {
  const Weights part = weights.under(name);
  return {part.get("weight", {n}), part.get("bias", {n})};
}

LinearWeights linear(const Weights& weights, const char* name, std::int64_t outputs, std::int64_t inputs) {
  const Weights part = weights.under(name);
  return {part.get("weight", {outputs, inputs}), part.get("bias", {outputs})};
}

}  // namespace

TransformerWeights TransformerWeights::load(const Weights& weights, const TransformerConfig& config) {
  const std::int64_t hidden = config.hidden;
  TransformerWeights result;
  result.text_embeddings = weights.get("text_embeddings.weight", {config.text_vocab, hidden});
  result.text_positions = weights.get("text_pos_embeddings.weight", {config.text_length + 1, hidden});
  result.image_embeddings = weights.get("image_embeddings.weight", {config.image_vocab, hidden});
  result.image_rows = weights.get("image_row_embeddings.weight", {config.grid, hidden});
  result.image_columns = weights.get("image_col_embeddings.weight", {config.grid, hidden});
  result.layers.reserve(config.layers);
  for (int i = 0; i < config.layers; ++i) {
    const Weights layer = weights.under(fmt::format("transformer.layers.{}", i));
    LayerWeights& to = result.layers.emplace_back();
    to.input_norm = norm(layer, "input_layernorm", hidden);
    to.query_key_value = linear(layer, "attention.query_key_value", 3 * hidden, hidden);
    to.dense = linear(layer, "attention.dense", hidden, hidden);
    to.post_attention_norm = norm(layer, "post_attention_layernorm", hidden);
    to.up = linear(layer, "mlp.dense_h_to_4h", 4 * hidden, hidden);
    to.down = linear(layer, "mlp.dense_4h_to_h", hidden, 4 * hidden);
    if (!config.sandwich) continue;
    to.first_addition_norm = norm(layer, "before_first_addition_layernorm", hidden);
    to.second_addition_norm = norm(layer, "before_second_addition_layernorm", hidden);
  }
  result.final_norm = norm(weights, "transformer.final_layernorm", hidden);
  result.logits_norm = norm(weights, "to_logits.0", hidden);
  result.logits = linear(weights, "to_logits.1", std::int64_t{config.text_vocab} + config.image_vocab, hidden);
  return result;
}

}  // namespace kandinsky
