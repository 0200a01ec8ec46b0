#include "ruclip/network.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/argmax.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/sigmoid.h>
#include <fmt/format.h>

namespace kandinsky::ruclip {

LayerNorm LayerNorm::load(const Weights& weights, std::string_view name, std::int64_t width) {
  const Weights part = weights.under(name).as(at::kFloat);
  return {part.get("weight", {width}), part.get("bias", {width})};
}

at::Tensor LayerNorm::operator()(const at::Tensor& x) const {
  return at::layer_norm(x, weight.sizes(), weight, bias, 1e-5);
}

at::Tensor Linear::operator()(const at::Tensor& x) const {
  return at::linear(x.to(weight.scalar_type()), weight, bias);
}

Transformer::Transformer(const Weights& weights, int layers, int width, int heads) : heads_(heads) {
  for (int i = 0; i < layers; ++i) {
    const Weights part = weights.under(fmt::format("resblocks.{}", i));
    Block& block = blocks_.emplace_back();
    block.norm1 = LayerNorm::load(part, "ln_1", width);
    block.query_key_value = {part.get("attn.in_proj_weight", {3 * width, width}),
                             part.get("attn.in_proj_bias", {3 * width})};
    block.out = {part.get("attn.out_proj.weight", {width, width}), part.get("attn.out_proj.bias", {width})};
    block.norm2 = LayerNorm::load(part, "ln_2", width);
    block.up = {part.get("mlp.c_fc.weight", {4 * width, width}), part.get("mlp.c_fc.bias", {4 * width})};
    block.down = {part.get("mlp.c_proj.weight", {width, 4 * width}), part.get("mlp.c_proj.bias", {width})};
  }
}

at::Tensor Transformer::operator()(at::Tensor x, bool causal) const {
  const std::int64_t n = x.size(0), positions = x.size(1), width = x.size(2), size = width / heads_;
  for (const Block& block : blocks_) {
    // [n, positions, 3, heads, size]
    const at::Tensor fused = block.query_key_value(block.norm1(x)).view({n, positions, 3, heads_, size});
    const auto part = [&](int i) { return fused.select(2, i).transpose(1, 2); };
    const at::Tensor mixed = at::scaled_dot_product_attention(part(0), part(1), part(2), {}, 0.0, causal);
    x.add_(block.out(mixed.transpose(1, 2).reshape({n, positions, width})));
    at::Tensor h = block.up(block.norm2(x));
    h.mul_(at::sigmoid(h * 1.702));
    x.add_(block.down(h));
  }
  return x;
}

Network::Network(const Weights& all, const RuClipConfig& c) : Network(all, all.as(at::kFloat), c) {}

Network::Network(const Weights& matrices, const Weights& weights, const RuClipConfig& c)
    : config_(c),
      patch_weight_(weights.get("visual.conv1.weight", {c.vision_width, 3, c.vision_patch_size, c.vision_patch_size})
                        .reshape({c.vision_width, std::int64_t{3} * c.vision_patch_size * c.vision_patch_size})),
      class_embedding_(weights.get("visual.class_embedding", {c.vision_width})),
      vision_positions_(weights.get(
          "visual.positional_embedding",
          {1 + std::int64_t{c.image_resolution / c.vision_patch_size} * (c.image_resolution / c.vision_patch_size),
           c.vision_width})),
      vision_projection_(weights.get("visual.proj", {c.vision_width, c.embed_dim})),
      norm_before_(LayerNorm::load(weights, "visual.ln_pre", c.vision_width)),
      norm_after_(LayerNorm::load(weights, "visual.ln_post", c.vision_width)),
      vision_(matrices.under("visual.transformer"), c.vision_layers, c.vision_width, c.vision_width / 64),
      token_embedding_(weights.get("token_embedding.weight", {c.vocab_size, c.transformer_width})),
      text_positions_(weights.get("positional_embedding", {c.context_length, c.transformer_width})),
      text_projection_(weights.get("text_projection", {c.transformer_width, c.embed_dim})),
      norm_text_(LayerNorm::load(weights, "ln_final", c.transformer_width)),
      text_(matrices.under("transformer"), c.transformer_layers, c.transformer_width, c.transformer_heads),
      logit_scale_(weights.get("logit_scale", {})) {}

at::Tensor Network::image(const at::Tensor& pixels) const {
  const std::int64_t n = pixels.size(0), patch = config_.vision_patch_size, side = config_.image_resolution / patch;
  const at::Tensor patches = pixels.slice(2, 0, side * patch)
                                 .slice(3, 0, side * patch)
                                 .reshape({n, 3, side, patch, side, patch})
                                 .permute({0, 2, 4, 1, 3, 5})
                                 .reshape({n, side * side, 3 * patch * patch});
  const at::Tensor tokens = at::linear(patches, patch_weight_);
  at::Tensor x = at::cat({class_embedding_.expand({n, 1, -1}), tokens}, 1).add_(vision_positions_);
  x = vision_(norm_before_(x), false);
  return at::matmul(norm_after_(x.select(1, 0)), vision_projection_);
}

at::Tensor Network::text(const at::Tensor& ids) const {
  const at::Tensor ends = at::argmax(ids.eq(eos).to(at::kInt), 1);
  // Nothing after the last end can matter to it.
  const std::int64_t length = ends.max().item<std::int64_t>() + 1;
  at::Tensor x = at::embedding(token_embedding_, ids.slice(1, 0, length)).add_(text_positions_.slice(0, 0, length));
  x = norm_text_(text_(x, true));
  const at::Tensor rows = at::arange(ids.size(0), ids.options());
  return at::matmul(x.index({rows, ends}), text_projection_);
}

}  // namespace kandinsky::ruclip
