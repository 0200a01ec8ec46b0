#pragma once
#include "support/seeded.h"
#include "transformer/transformer_weights.h"

namespace kandinsky::testing {

// A transformer of any shape with seeded weights, as the goldens' small networks have them, rounded to `dtype`.
inline TransformerWeights random_transformer(const TransformerConfig& config, at::ScalarType dtype = at::kFloat,
                                             const std::string& salt = "random") {
  const nlohmann::json info = {{"salt", salt}};
  return TransformerWeights::load(Weights([&, dtype](const std::string& name, at::IntArrayRef shape) {
                                    return seeded_weight(info, name, shape).to(dtype);
                                  }),
                                  config);
}

}  // namespace kandinsky::testing
