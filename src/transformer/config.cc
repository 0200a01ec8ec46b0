#include "transformer/config.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>

#include "core/fail.h"
#include "kandinsky/checkpoint.h"
#include "transformer/config_file.h"
#include "transformer/transformer_weights.h"

namespace kandinsky {
namespace {

struct Preset {
  std::string_view name;
  TransformerConfig config;
};

// Where sizes are equal, the first is what detect() takes.
constexpr std::array<Preset, 6> presets{{
    {"kandinsky", {64, 3840, 60, 128, 32, 16384 + 128, 8192, 3, true, true}},
    {"malevich", {24, 2048, 16, 128, 32, 16384 + 128, 8192, 3, true, true}},
    {"malevich-v2", {24, 2048, 16, 128, 32, 16384 + 128, 8192, 2, true, true}},
    {"emojich", {24, 2048, 16, 128, 32, 16384 + 128, 8192, 2, true, true}},
    {"surrealist", {24, 2048, 16, 128, 32, 16384 + 128, 8192, 3, true, true}},
    {"nano", {12, 256, 4, 32, 16, 2048 + 32, 2048, 3, true, true}},
}};

struct Limit {
  const char* field;
  int TransformerConfig::*member;
  int least;
  int most;
};

constexpr std::array<Limit, 8> limits{{
    {"layers", &TransformerConfig::layers, 1, 1024},
    {"hidden", &TransformerConfig::hidden, 1, 1 << 16},
    {"heads", &TransformerConfig::heads, 1, 1 << 10},
    {"text_length", &TransformerConfig::text_length, 1, 1 << 12},
    {"grid", &TransformerConfig::grid, 2, 128},
    {"text_vocab", &TransformerConfig::text_vocab, 1, 1 << 20},
    {"image_vocab", &TransformerConfig::image_vocab, 1, 1 << 20},
    {"version", &TransformerConfig::version, 2, 3},
}};

bool same_sizes(const TransformerConfig& a, const TransformerConfig& b) {
  return a.layers == b.layers && a.hidden == b.hidden && a.text_length == b.text_length && a.grid == b.grid &&
         a.text_vocab == b.text_vocab && a.image_vocab == b.image_vocab && a.sandwich == b.sandwich;
}

const TensorInfo& matrix(const Checkpoint& checkpoint, const std::string& name) {
  const TensorInfo* tensor = checkpoint.find(name);
  if (tensor == nullptr) fail(ErrorCode::bad_file, checkpoint.name(), "there is no tensor '{}'", name);
  if (tensor->shape.size() != 2)
    fail(ErrorCode::bad_file, checkpoint.name(), "tensor '{}' has shape [{}], expected 2 dimensions", name,
         fmt::join(tensor->shape, ", "));
  return *tensor;
}

// Rows or columns of a tensor; far larger ones than any limit of ours become a number that check() refuses
// too.
int size(const TensorInfo& tensor, int dim) {
  return static_cast<int>(std::min<std::int64_t>(tensor.shape[dim], 1 << 30));
}

// One more than the largest N of `transformer.layers.N.*`: a layer missing in between is then found missing.
int layer_count(const Checkpoint& checkpoint) {
  constexpr std::string_view prefix = "transformer.layers.";
  int count = 0;
  for (const TensorInfo& tensor : checkpoint.tensors()) {
    if (!tensor.name.starts_with(prefix)) continue;
    const char* end = tensor.name.data() + tensor.name.size();
    int layer = 0;
    const auto [stop, error] = std::from_chars(tensor.name.data() + prefix.size(), end, layer);
    if (error != std::errc() || stop == end || *stop != '.' || layer < 0 || layer >= 1 << 20)
      fail(ErrorCode::bad_file, checkpoint.name(), "tensor '{}' is of no layer", tensor.name);
    count = std::max(count, layer + 1);
  }
  if (count == 0) fail(ErrorCode::bad_file, checkpoint.name(), "there is no tensor '{}0.*'", prefix);
  return count;
}

bool is_real(DType dtype) {
  return dtype == DType::float64 || dtype == DType::float32 || dtype == DType::float16 || dtype == DType::bfloat16;
}

// Every tensor of the network is there, in its shape. Looks at no data.
void check_tensors(const Checkpoint& checkpoint, const TransformerConfig& config) {
  const auto look = [&](const std::string& name, at::IntArrayRef shape) {
    const TensorInfo* tensor = checkpoint.find(name);
    if (tensor == nullptr) fail(ErrorCode::bad_file, checkpoint.name(), "there is no tensor '{}'", name);
    if (!is_real(tensor->dtype))
      fail(ErrorCode::bad_file, checkpoint.name(), "tensor '{}' is {}, expected floating-point numbers", name,
           dtype_name(tensor->dtype));
    if (shape != at::IntArrayRef(tensor->shape))
      fail(ErrorCode::bad_file, checkpoint.name(), "tensor '{}' has shape [{}], expected [{}]", name,
           fmt::join(tensor->shape, ", "), fmt::join(shape, ", "));
    return at::Tensor();
  };
  TransformerWeights::load(Weights(look), config);
}

TransformerConfig sizes(const Checkpoint& checkpoint) {
  TransformerConfig config;
  const TensorInfo& text = matrix(checkpoint, "text_embeddings.weight");
  config.text_vocab = size(text, 0);
  config.hidden = size(text, 1);
  config.image_vocab = size(matrix(checkpoint, "image_embeddings.weight"), 0);
  config.text_length = size(matrix(checkpoint, "text_pos_embeddings.weight"), 0) - 1;
  config.grid = size(matrix(checkpoint, "image_row_embeddings.weight"), 0);
  config.layers = layer_count(checkpoint);
  config.sandwich = checkpoint.find("transformer.layers.0.before_first_addition_layernorm.weight") != nullptr;
  return config;
}

}  // namespace

void check(const TransformerConfig& config, ErrorCode code, const std::string& subject) {
  for (const Limit& limit : limits) {
    const int value = config.*limit.member;
    if (value < limit.least || value > limit.most)
      fail(code, subject, "{} is {}, expected {}..{}", limit.field, value, limit.least, limit.most);
  }
  if (config.hidden % config.heads != 0)
    fail(code, subject, "hidden is {}, expected a multiple of heads, {}", config.hidden, config.heads);
  // Each padding position has a token of its own; version 2 puts token 2 before the text.
  const int least = config.text_length + (config.version == 2 ? 3 : 1);
  if (config.text_vocab < least)
    fail(code, subject, "text_vocab is {}, expected {} or more for texts of {}", config.text_vocab, least,
         config.text_length);
}

// Unsigned, so that a configuration that check() would refuse wraps around instead of overflowing.
std::int64_t TransformerConfig::parameter_count() const noexcept {
  const auto number = [](int value) { return static_cast<std::uint64_t>(value); };
  const std::uint64_t h = number(hidden);
  const std::uint64_t vocabulary = number(text_vocab) + number(image_vocab);
  const std::uint64_t embeddings = (vocabulary + number(text_length) + 1 + 2 * number(grid)) * h;
  const std::uint64_t norms = (sandwich ? 4 : 2) * 2 * h;
  const std::uint64_t attention = 3 * h * (h + 1) + h * (h + 1);
  const std::uint64_t mlp = 4 * h * (h + 1) + h * (4 * h + 1);
  const std::uint64_t head = 2 * 2 * h + vocabulary * (h + 1);
  return static_cast<std::int64_t>(embeddings + number(layers) * (norms + attention + mlp) + head);
}

std::optional<TransformerConfig> TransformerConfig::preset(std::string_view name) {
  for (const Preset& preset : presets)
    if (preset.name == name) return preset.config;
  return std::nullopt;
}

TransformerConfig TransformerConfig::detect(const Checkpoint& file, const std::filesystem::path& config_file) {
  const Checkpoint checkpoint = file.state_dict();
  TransformerConfig config = sizes(checkpoint);
  TransformerConfigFile given;
  if (!config_file.empty()) given = TransformerConfigFile::load(config_file);
  given.check_sizes(config, config_file.string());

  const Preset* known = nullptr;
  for (const Preset& preset : presets)
    if (known == nullptr && same_sizes(preset.config, config)) known = &preset;
  if (given.heads) {
    config.heads = *given.heads;
  } else if (known != nullptr) {
    config.heads = known->config.heads;
  } else if (config.hidden % 64 == 0) {
    config.heads = config.hidden / 64;
  } else {
    fail(ErrorCode::bad_file, checkpoint.name(),
         "hidden is {}, no multiple of 64: the number of heads must be given, as in a config.json with "
         "\"heads\"",
         config.hidden);
  }
  config.version = given.version.value_or(known != nullptr ? known->config.version : config.version);
  config.relax = given.relax.value_or(known != nullptr ? known->config.relax : config.relax);
  kandinsky::check(config, ErrorCode::bad_file,
                   given.heads || given.version ? config_file.string() : checkpoint.name());
  check_tensors(checkpoint, config);
  return config;
}

}  // namespace kandinsky
