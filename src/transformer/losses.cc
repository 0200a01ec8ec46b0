#include "transformer/losses.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <c10/core/InferenceMode.h>

#include <cmath>
#include <string>

#include "core/fail.h"
#include "transformer/draw.h"

namespace kandinsky {
namespace {

constexpr double image_loss_weight = 7;

void check_image(std::span<const std::int32_t> image, const TransformerConfig& config) {
  for (const std::int32_t id : image)
    if (id < 0 || id >= config.image_vocab)
      fail(ErrorCode::invalid_argument, "image", "id {} is not in 0..{}", id, config.image_vocab - 1);
}

// logits: [batch, n, vocabulary]; labels: [batch, n]. Nats, [batch, n].
at::Tensor cross_entropies(const at::Tensor& logits, const at::Tensor& labels) {
  return logits.logsumexp(-1) - logits.gather(-1, labels.unsqueeze(-1)).squeeze(-1);
}

double average(const at::Tensor& x) { return x.to(at::kDouble).mean().item<double>(); }

}  // namespace

at::Tensor sequences(const Network& network, std::span<const std::int32_t> texts, std::span<const std::int32_t> images,
                     int image_ids) {
  const TransformerConfig& config = network.config();
  const std::size_t text = config.text_length;
  const std::size_t image = image_ids;
  const std::size_t pairs = texts.size() / text;
  if (texts.empty() || texts.size() % text != 0)
    fail(ErrorCode::invalid_argument, "text", "{} ids, expected a multiple of {}", texts.size(), text);
  if (images.size() != pairs * image)
    fail(ErrorCode::invalid_argument, "image", "{} ids, expected {} for each of {} texts", images.size(), image, pairs);
  check_image(images, config);
  const auto length = static_cast<std::int64_t>(text + image);
  at::Tensor ids = at::empty({static_cast<std::int64_t>(pairs), length}, at::kLong);
  std::int64_t* out = ids.mutable_data_ptr<std::int64_t>();
  for (std::size_t pair = 0; pair < pairs; ++pair) {
    const auto text_ids = texts.subspan(pair * text, text);
    check_text(text_ids, config);
    for (const std::int32_t id : text_ids) *out++ = id;
    for (const std::int32_t id : images.subspan(pair * image, image)) *out++ = id;
  }
  return ids.to(network.device());
}

std::vector<float> logits(const Network& network, std::span<const std::int32_t> text,
                          std::span<const std::int32_t> image) {
  const c10::InferenceMode inference;
  const TransformerConfig& config = network.config();
  check_text(text, config);
  if (image.size() > static_cast<std::size_t>(config.image_length()))
    fail(ErrorCode::invalid_argument, "image", "{} ids, expected {} at most", image.size(), config.image_length());
  const at::Tensor ids = sequences(network, text, image, static_cast<int>(image.size()));
  const at::Tensor values = network.logits(network.states(ids)[0]).to(at::kCPU).contiguous();
  const float* first = values.const_data_ptr<float>();
  return {first, first + values.numel()};
}

Losses losses(const Network& network, std::span<const std::int32_t> texts, std::span<const std::int32_t> images) {
  const c10::InferenceMode inference;
  const TransformerConfig& config = network.config();
  const at::Tensor all = sequences(network, texts, images, config.image_length());
  const std::int64_t text = config.text_length;
  if (config.version != 2) {
    for (std::size_t i = 0; i < images.size(); i += config.image_length())
      if (images[i] >= config.text_vocab)
        fail(ErrorCode::invalid_argument, "image", "its first id, {}, is scored as a text id and must be below {}",
             images[i], config.text_vocab);
  }
  Losses sum;
  const std::int64_t pairs = all.size(0);
  for (std::int64_t pair = 0; pair < pairs; ++pair) {  // one at a time, which bounds the memory
    const at::Tensor ids = all.narrow(0, pair, 1);
    const at::Tensor states = network.states(ids);
    const at::Tensor tokens = network.text_tokens(ids.narrow(1, 0, text));
    const at::Tensor labels =
        at::cat({tokens.narrow(1, 1, tokens.size(1) - 1), ids.narrow(1, text, config.image_length())}, 1);
    const std::int64_t rest = labels.size(1) - text;
    sum.text += average(cross_entropies(network.text_logits(states.narrow(1, 0, text)), labels.narrow(1, 0, text)));
    sum.image +=
        average(cross_entropies(network.image_logits(states.narrow(1, text, rest)), labels.narrow(1, text, rest)));
  }
  Losses result;
  result.text = sum.text / static_cast<double>(pairs);
  result.image = sum.image / static_cast<double>(pairs);
  result.total = (result.text + image_loss_weight * result.image) / (1 + image_loss_weight);
  return result;
}

double perplexity(const Network& network, std::span<const std::int32_t> text, std::span<const std::int32_t> image) {
  const c10::InferenceMode inference;
  const TransformerConfig& config = network.config();
  check_text(text, config);
  const at::Tensor ids = sequences(network, text, image, config.image_length());
  const std::int64_t count = config.image_length() - 1;
  const at::Tensor logits = network.image_logits(network.states(ids).narrow(1, network.predicting(1), count));
  const at::Tensor nats =
      cross_entropies(logits, ids.narrow(1, config.text_length + 1, count)).to(at::kCPU, at::kDouble);
  const at::Tensor counted = nats.masked_select(nats != 0);
  return counted.numel() == 0 ? 1 : average(counted.exp());
}

}  // namespace kandinsky
