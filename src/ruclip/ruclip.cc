#include "kandinsky/ruclip.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/linalg_vector_norm.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <utility>

#include "core/fail.h"
#include "ruclip/network.h"
#include "ruclip/prepare.h"
#include "tensor/compute_device.h"
#include "tensor/torch_error.h"

namespace kandinsky {
namespace {

Latents to_latents(const at::Tensor& tensor) {
  const at::Tensor host = tensor.contiguous().cpu();
  const float* values = host.const_data_ptr<float>();
  return {static_cast<int>(host.size(0)), static_cast<int>(host.size(1)),
          std::vector<float>(values, values + host.numel())};
}

at::Tensor normalised(const at::Tensor& latents) { return latents / at::linalg_vector_norm(latents, 2, {-1}, true); }

std::string filled(const std::string& pattern, const std::string& caption) {
  const std::size_t at = pattern.find("{}");
  if (at == pattern.npos || pattern.find("{}", at + 2) != pattern.npos)
    fail(ErrorCode::invalid_argument, "templates", "'{}' does not hold one '{{}}'", pattern);
  return pattern.substr(0, at) + caption + pattern.substr(at + 2);
}

}  // namespace

struct RuClip::Impl {
  RuClipConfig config;
  Tokenizer tokenizer;
  ruclip::Network network;
  at::Device device;
  int threads;
  std::int64_t parameters;

  at::Tensor image_latents(std::span<const Image> images, int batch) const {
    if (batch < 1 || batch > 4096) fail(ErrorCode::invalid_argument, "batch", "{} is not in 1..4096", batch);
    std::vector<at::Tensor> parts;
    for (std::size_t first = 0; first < images.size(); first += batch)
      parts.push_back(network.image(ruclip::to_pixels(
          images.subspan(first, std::min<std::size_t>(batch, images.size() - first)), config, device, threads)));
    return normalised(at::cat(parts, 0));
  }

  at::Tensor tokens_latents(std::span<const std::int32_t> ids) const {
    const std::int64_t length = config.context_length;
    const std::int64_t rows = static_cast<std::int64_t>(ids.size()) / length;
    for (std::int64_t row = 0; row < rows; ++row) {
      const auto part = ids.subspan(row * length, length);
      for (const std::int32_t id : part)
        if (id < 0 || id >= config.vocab_size)
          fail(ErrorCode::invalid_argument, "ids", "{} is not in 0..{}", id, config.vocab_size - 1);
      if (std::find(part.begin(), part.end(), ruclip::eos) == part.end())
        fail(ErrorCode::invalid_argument, "ids", "row {} has no end-of-text id {}", row, ruclip::eos);
    }
    return network.text(
        at::from_blob(const_cast<std::int32_t*>(ids.data()), {rows, length}, at::TensorOptions().dtype(at::kInt))
            .to(device, at::kLong));
  }

  at::Tensor text_latents(std::span<const std::string> texts, std::span<const std::string> templates) const {
    if (templates.empty()) templates = default_templates();
    std::vector<std::int32_t> ids;
    for (const std::string& text : texts) {
      const std::string caption = strip(lower(text));
      for (const std::string& pattern : templates) {
        const auto row = tokenizer.encode_for_ruclip(filled(pattern, caption), config.context_length);
        ids.insert(ids.end(), row.begin(), row.end());
      }
    }
    const auto count = static_cast<std::int64_t>(templates.size());
    const at::Tensor latents = tokens_latents(ids);
    return normalised(latents.view({-1, count, latents.size(1)}).mean(1));
  }
};

RuClip::RuClip(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

RuClip RuClip::load(const std::filesystem::path& directory, const ComputeOptions& options) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(directory, ignored))
    fail(ErrorCode::not_found, directory.string(), "there is no such directory");
  const auto bin = directory / "pytorch_model.bin";
  const Checkpoint checkpoint =
      Checkpoint::open(std::filesystem::exists(bin, ignored) ? bin : directory / "model.safetensors");
  return load(checkpoint, RuClipConfig::load(directory / "config.json"), Tokenizer::load(directory / "bpe.model"),
              options);
}

RuClip RuClip::load(const Checkpoint& checkpoint, const RuClipConfig& config, Tokenizer tokenizer,
                    const ComputeOptions& options) {
  return guarded("loading ruCLIP", [&] {
    if (tokenizer.vocab_size() > config.vocab_size)
      fail(ErrorCode::bad_file, checkpoint.name(), "the tokenizer has {} ids, the network {}", tokenizer.vocab_size(),
           config.vocab_size);
    const at::Device device = resolve_device(options.device);
    const int threads = resolve_threads(options.threads);
    const ThreadScope scope(threads);
    const at::InferenceMode inference;
    const Checkpoint file = checkpoint.state_dict();
    const bool halves = device.is_cuda() && options.precision != Precision::fp32;
    const Weights weights(file, device, halves ? at::kHalf : at::kFloat);
    std::int64_t parameters = 0;
    for (const TensorInfo& tensor : file.tensors()) parameters += tensor.element_count();
    return RuClip(std::make_shared<const Impl>(
        Impl{config, std::move(tokenizer), ruclip::Network(weights, config), device, threads, parameters}));
  });
}

const RuClipConfig& RuClip::config() const noexcept { return impl_->config; }
const Tokenizer& RuClip::tokenizer() const noexcept { return impl_->tokenizer; }
std::int64_t RuClip::parameter_count() const noexcept { return impl_->parameters; }

std::span<const std::string> RuClip::default_templates() noexcept {
  static const std::array<std::string, 6> templates = {
      "{}", "фото, на котором изображено {}", "изображение с {}", "картинка с {}", "фото с {}", "на фото видно {}"};
  return templates;
}

Latents RuClip::image_latents(std::span<const Image> images, int batch) const {
  if (images.empty()) return {0, config().embed_dim, {}};
  return guarded("ranking", [&] {
    const ThreadScope scope(impl_->threads);
    const at::InferenceMode inference;
    return to_latents(impl_->image_latents(images, batch));
  });
}

Latents RuClip::text_latents(std::span<const std::string> texts, std::span<const std::string> templates) const {
  if (texts.empty()) return {0, config().embed_dim, {}};
  return guarded("ranking", [&] {
    const ThreadScope scope(impl_->threads);
    const at::InferenceMode inference;
    return to_latents(impl_->text_latents(texts, templates));
  });
}

Latents RuClip::encode_tokens(std::span<const std::int32_t> ids) const {
  if (ids.empty() || ids.size() % config().context_length != 0)
    fail(ErrorCode::invalid_argument, "ids", "{} ids, expected rows of {}", ids.size(), config().context_length);
  return guarded("ranking", [&] {
    const ThreadScope scope(impl_->threads);
    const at::InferenceMode inference;
    return to_latents(impl_->tokens_latents(ids));
  });
}

Latents RuClip::encode_pixels(std::span<const float> pixels) const {
  const std::int64_t side = config().image_resolution;
  const std::size_t each = static_cast<std::size_t>(3 * side * side);
  if (pixels.empty() || pixels.size() % each != 0)
    fail(ErrorCode::invalid_argument, "pixels", "{} floats, expected a multiple of 3 x {} x {}", pixels.size(), side,
         side);
  return guarded("ranking", [&] {
    const ThreadScope scope(impl_->threads);
    const at::InferenceMode inference;
    const at::Tensor x = at::from_blob(const_cast<float*>(pixels.data()),
                                       {static_cast<std::int64_t>(pixels.size() / each), 3, side, side},
                                       at::TensorOptions().dtype(at::kFloat))
                             .to(impl_->device);
    return to_latents(impl_->network.image(x));
  });
}

std::vector<float> RuClip::scores(std::span<const std::string> texts, std::span<const Image> images) const {
  if (texts.empty() || images.empty()) return {};
  return guarded("ranking", [&] {
    const ThreadScope scope(impl_->threads);
    const at::InferenceMode inference;
    return to_latents(impl_->text_latents(texts, {}).matmul(impl_->image_latents(images, 8).t())).values;
  });
}

std::vector<Ranked> RuClip::rank(const std::string& text, std::span<const Image> images, int count) const {
  if (count < 1) fail(ErrorCode::invalid_argument, "count", "{} is not above 0", count);
  const std::vector<float> values = scores({&text, 1}, images);
  std::vector<Ranked> ranking;
  for (std::size_t i = 0; i < values.size(); ++i) ranking.push_back({static_cast<int>(i), values[i]});
  std::stable_sort(ranking.begin(), ranking.end(), [](const Ranked& a, const Ranked& b) { return a.score > b.score; });
  ranking.resize(std::min<std::size_t>(ranking.size(), count));
  return ranking;
}

Image RuClip::prepare(const Image& image) const { return ruclip::prepare(image, config().image_resolution); }

}  // namespace kandinsky
