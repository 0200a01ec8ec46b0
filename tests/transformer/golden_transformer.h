#pragma once
#include <string>
#include <vector>

#include "support/golden.h"
#include "support/seeded.h"
#include "transformer/transformer_weights.h"

namespace kandinsky::testing {

// The configuration of a golden of tests/data/goldens/transformer.
inline TransformerConfig golden_config(const nlohmann::json& info) {
  TransformerConfig config;
  config.layers = info.at("num_layers");
  config.hidden = info.at("hidden_size");
  config.heads = info.at("num_attention_heads");
  config.text_length = info.at("text_seq_length");
  config.grid = info.at("image_tokens_per_dim");
  config.text_vocab = info.at("vocab_size");
  config.image_vocab = info.at("image_vocab_size");
  config.version = info.at("hf_version") == "v2" ? 2 : 3;
  config.sandwich = info.at("cogview_sandwich_layernorm");
  config.relax = info.at("cogview_pb_relax");
  return config;
}

inline TransformerWeights golden_weights(const nlohmann::json& info, const TransformerConfig& config) {
  return TransformerWeights::load(
      Weights([&](const std::string& name, at::IntArrayRef shape) { return seeded_weight(info, name, shape); }),
      config);
}

inline const std::vector<std::string>& golden_transformers() {
  static const std::vector<std::string> names = {
      "v2_plain_norelax_d8",    "v2_plain_relax_d8",     "v2_sandwich_relax_d12",
      "v2_sandwich_relax_d8",   "v3_plain_norelax_d8",   "v3_plain_relax_d8",
      "v3_sandwich_norelax_d8", "v3_sandwich_relax_d12", "v3_sandwich_relax_d8",
  };
  return names;
}

// The bundled model.
inline const TransformerConfig nano_config = *TransformerConfig::preset("nano");
inline TransformerWeights nano_weights() {
  return TransformerWeights::load(Weights(Checkpoint::open(nano_path("rudalle_kandinsky.bin")).state_dict()),
                                  nano_config);
}

}  // namespace kandinsky::testing
