#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "core/fail.h"
#include "kandinsky/ruclip.h"

namespace kandinsky {
namespace {

void read_number(const nlohmann::json& json, const char* key, const std::string& file, int& to) {
  constexpr int most = 1 << 20;
  if (!json.contains(key)) return;
  const nlohmann::json& value = json.at(key);
  if (!value.is_number_integer() || value < 1 || value > most)
    fail(ErrorCode::bad_file, file, "'{}' must be a whole number from 1 to {}", key, most);
  to = value.get<int>();
}

void read_colours(const nlohmann::json& json, const char* key, const std::string& file, std::vector<float>& to) {
  if (!json.contains(key)) return;
  const nlohmann::json& list = json.at(key);
  bool fits = list.is_array() && list.size() == 3;
  for (std::size_t i = 0; fits && i < 3; ++i) fits = list[i].is_number();
  if (!fits) fail(ErrorCode::bad_file, file, "'{}' must be a list of three numbers", key);
  to = list.get<std::vector<float>>();
}

}  // namespace

RuClipConfig RuClipConfig::load(const std::filesystem::path& path) {
  std::ifstream file(path);
  if (!file) fail(ErrorCode::not_found, path.string(), "the file cannot be read");
  return parse(std::string(std::istreambuf_iterator<char>(file), {}), path.string());
}

RuClipConfig RuClipConfig::parse(std::string_view text, const std::string& name) {
  const nlohmann::json json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) fail(ErrorCode::bad_file, name, "not a JSON object");
  RuClipConfig config;
  read_number(json, "embed_dim", name, config.embed_dim);
  read_number(json, "image_resolution", name, config.image_resolution);
  read_number(json, "vision_layers", name, config.vision_layers);
  read_number(json, "vision_width", name, config.vision_width);
  read_number(json, "vision_patch_size", name, config.vision_patch_size);
  read_number(json, "context_length", name, config.context_length);
  read_number(json, "vocab_size", name, config.vocab_size);
  read_number(json, "transformer_width", name, config.transformer_width);
  read_number(json, "transformer_heads", name, config.transformer_heads);
  read_number(json, "transformer_layers", name, config.transformer_layers);
  read_colours(json, "mean", name, config.mean);
  read_colours(json, "std", name, config.std);
  for (const float value : config.std)
    if (!(value > 0)) fail(ErrorCode::bad_file, name, "'std' must be above 0");
  if (config.vision_patch_size > config.image_resolution)
    fail(ErrorCode::bad_file, name, "'vision_patch_size' exceeds 'image_resolution'");
  if (config.vision_width % 64 != 0)
    fail(ErrorCode::bad_file, name, "'vision_width' is {}, expected a multiple of 64", config.vision_width);
  if (config.transformer_width % config.transformer_heads != 0)
    fail(ErrorCode::bad_file, name, "'transformer_width' is no multiple of 'transformer_heads'");
  if (config.context_length < 2) fail(ErrorCode::bad_file, name, "'context_length' must be at least 2");
  return config;
}

}  // namespace kandinsky
