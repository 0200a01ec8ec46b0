#include "transformer/network.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/where.h>

#include <algorithm>
#include <utility>

#include "transformer/block.h"

namespace kandinsky {
namespace {

constexpr std::int64_t first_token_of_version_2 = 2;

// [positions, positions]: text keys are seen causally, image keys as the mask of the kind says.
at::Tensor visible_positions(MaskKind kind, const TransformerConfig& config) {
  const int text = config.text_length;
  const int image = config.image_length();
  at::Tensor table = at::ones({text + image, text + image}, at::kBool).tril();
  bool* rows = table.mutable_data_ptr<bool>();
  for (int r = 0; r < image; ++r)
    for (int p = 0; p < r; ++p)
      rows[std::int64_t{text + r} * (text + image) + text + p] = visible(kind, config.version, config.grid, r, p);
  return table;
}

LinearWeights rows(const LinearWeights& linear, std::int64_t first, std::int64_t count) {
  return {linear.weight.narrow(0, first, count), linear.bias.narrow(0, first, count)};
}

}  // namespace

at::Tensor pad_text(const at::Tensor& ids, const TransformerConfig& config) {
  const at::Tensor padding =
      at::arange(config.text_vocab - config.text_length, config.text_vocab, ids.options().dtype(at::kLong));
  return at::where(ids == 0, padding, ids);
}

at::Tensor embed_text(const TransformerWeights& weights, const at::Tensor& tokens) {
  const at::Tensor positions = weights.text_positions.narrow(0, 0, tokens.size(1));
  return at::embedding(weights.text_embeddings, tokens).to(at::kFloat) + positions.to(at::kFloat);
}

at::Tensor embed_image(const TransformerWeights& weights, const at::Tensor& ids, const at::Tensor& indices, int grid) {
  const at::Tensor rows = at::embedding(weights.image_rows, indices.floor_divide(grid)).to(at::kFloat);
  const at::Tensor columns = at::embedding(weights.image_columns, indices.remainder(grid)).to(at::kFloat);
  return at::embedding(weights.image_embeddings, ids).to(at::kFloat) + (rows + columns);
}

Network::Network(TransformerWeights weights, const TransformerConfig& config)
    : weights_(block::with_fp32_norms(std::move(weights))), config_(config) {
  for (const MaskKind kind : {MaskKind::row, MaskKind::column, MaskKind::convolution})
    visible_[static_cast<int>(kind)] = visible_positions(kind, config_).to(device());
}

at::Tensor Network::text_tokens(const at::Tensor& ids) const {
  at::Tensor padded = pad_text(ids, config_);
  if (config_.version != 2) return padded;
  return at::cat({at::full({ids.size(0), 1}, first_token_of_version_2, padded.options()), padded}, 1);
}

at::Tensor Network::embed(const at::Tensor& ids) const {
  const std::int64_t text = config_.text_length;
  const std::int64_t image = ids.size(1) - text;
  at::Tensor x = embed_text(weights_, text_tokens(ids.narrow(1, 0, text)));
  if (image > 0) {
    const at::Tensor indices = at::arange(image, ids.options());
    x = at::cat({x, embed_image(weights_, ids.narrow(1, text, image), indices, config_.grid)}, 1);
  }
  return x.narrow(1, 0, std::min(x.size(1), text + config_.image_length()));
}

at::Tensor Network::states(const at::Tensor& ids, std::vector<at::Tensor>* layer_outputs) const {
  at::Tensor x = embed(ids);
  const std::int64_t batch = x.size(0);
  const std::int64_t positions = x.size(1);
  for (int i = 0; i < config_.layers; ++i) {
    const LayerWeights& layer = weights_.layers[i];
    const at::Tensor& table = visible_[static_cast<int>(mask_kind(i, config_.layers))];
    const at::Tensor visible = table.narrow(0, 0, positions).narrow(1, 0, positions);
    const block::Heads heads = block::query_key_value(block::normalize(x, layer.input_norm), layer, config_.heads);
    const auto joined = [](const at::Tensor& t) { return t.flatten(0, 1); };
    const at::Tensor context =
        block::attend(joined(heads.query), joined(heads.key), joined(heads.value), visible, config_.relax)
            .view({batch, config_.heads, positions, config_.head_size()})
            .transpose(1, 2)
            .flatten(2);
    x = block::add_attention(x, context, layer);
    x = block::add_mlp(x, layer);
    if (layer_outputs != nullptr) layer_outputs->push_back(x);
  }
  return finish(x);
}

at::Tensor Network::finish(const at::Tensor& x) const {
  return block::normalize(block::normalize(x, weights_.final_norm), weights_.logits_norm);
}

at::Tensor Network::logits(const at::Tensor& states) const {
  return block::project(states, weights_.logits).to(at::kFloat);
}

at::Tensor Network::text_logits(const at::Tensor& states) const {
  return block::project(states, rows(weights_.logits, 0, config_.text_vocab)).to(at::kFloat);
}

at::Tensor Network::image_logits(const at::Tensor& states) const {
  return block::project(states, rows(weights_.logits, config_.text_vocab, config_.image_vocab)).to(at::kFloat);
}

}  // namespace kandinsky
