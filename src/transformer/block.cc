#include "transformer/block.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/clamp.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/where.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace kandinsky::block {
namespace {

constexpr double norm_epsilon = 1e-5;
constexpr double largest_half = 65504;  // of fp16; all precisions are held to it
constexpr double masked_score = -10000;
constexpr double relaxation = 32;
constexpr std::int64_t most_scores = 1 << 24;  // at a time: 64 MiB in fp32

NormWeights fp32(const NormWeights& norm) {
  if (!norm.weight.defined()) return norm;
  return {norm.weight.to(at::kFloat), norm.bias.to(at::kFloat)};
}

}  // namespace

TransformerWeights with_fp32_norms(TransformerWeights weights) {
  for (LayerWeights& layer : weights.layers)
    for (NormWeights* norm :
         {&layer.input_norm, &layer.first_addition_norm, &layer.post_attention_norm, &layer.second_addition_norm})
      *norm = fp32(*norm);
  weights.final_norm = fp32(weights.final_norm);
  weights.logits_norm = fp32(weights.logits_norm);
  return weights;
}

at::Tensor normalize(const at::Tensor& x, const NormWeights& norm) {
  return at::layer_norm(x.to(at::kFloat), norm.weight.sizes(), norm.weight, norm.bias, norm_epsilon);
}

at::Tensor project(const at::Tensor& x, const LinearWeights& linear) {
  return at::linear(x.to(linear.weight.scalar_type()), linear.weight, linear.bias);
}

Heads query_key_value(const at::Tensor& x, const LayerWeights& layer, int heads) {
  const at::Tensor joined = project(x, layer.query_key_value);  // [batch, positions, 3 hidden]
  const std::int64_t head_size = x.size(2) / heads;
  const at::Tensor parts = joined.view({x.size(0), x.size(1), 3, heads, head_size}).permute({2, 0, 3, 1, 4});
  return {parts[0], parts[1], parts[2]};
}

at::Tensor attend(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value, const at::Tensor& visible,
                  bool relax) {
  const std::int64_t positions = query.size(1);
  const double root = std::sqrt(static_cast<double>(query.size(2)));
  const std::int64_t count = std::max<std::int64_t>(1, most_scores / (positions * positions));
  std::vector<at::Tensor> contexts;
  for (std::int64_t first = 0; first < query.size(0); first += count) {
    const auto part = [&](const at::Tensor& x) { return x.narrow(0, first, std::min(count, x.size(0) - first)); };
    const at::Tensor keys = part(key).transpose(1, 2);
    at::Tensor scores =
        relax ? at::bmm(part(query) / root, keys).to(at::kFloat) : at::bmm(part(query), keys).to(at::kFloat) / root;
    scores = at::where(visible, scores, masked_score);
    if (relax) {
      scores = scores / relaxation;
      scores = (scores - scores.amax({1, 2}, /*keepdim=*/true)) * relaxation;
    }
    contexts.push_back(at::bmm(at::softmax(scores, -1).to(value.scalar_type()), part(value)));
  }
  return at::cat(contexts);
}

at::Tensor add_attention(const at::Tensor& x, const at::Tensor& context, const LayerWeights& layer) {
  const at::Tensor output = at::clamp(project(context, layer.dense), -largest_half, largest_half);
  return x + (layer.first_addition_norm.weight.defined() ? normalize(output, layer.first_addition_norm) : output);
}

at::Tensor add_mlp(const at::Tensor& x, const LayerWeights& layer) {
  const at::Tensor inner = at::gelu(project(normalize(x, layer.post_attention_norm), layer.up), "tanh");
  const at::Tensor output = project(inner, layer.down);
  return x + (layer.second_addition_norm.weight.defined() ? normalize(output, layer.second_addition_norm) : output);
}

}  // namespace kandinsky::block
