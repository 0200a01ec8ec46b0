#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "core/fail.h"
#include "kandinsky/vqgan.h"

namespace kandinsky {
namespace {

constexpr int most = 1 << 20;

int number(const nlohmann::json& value, const std::string& file, const std::string& field, int least) {
  if (!value.is_number_integer() || value < least || value > most)
    fail(ErrorCode::bad_file, file, "'{}' must be a whole number from {} to {}", field, least, most);
  return value.get<int>();
}

void read_number(const nlohmann::json& object, const char* key, const std::string& file, int least, int& to) {
  if (object.contains(key)) to = number(object.at(key), file, key, least);
}

void read_list(const nlohmann::json& object, const char* key, const std::string& file, std::size_t least,
               std::vector<int>& to) {
  if (!object.contains(key)) return;
  const nlohmann::json& list = object.at(key);
  if (!list.is_array() || list.size() < least || list.size() > 10)
    fail(ErrorCode::bad_file, file, "'{}' must be a list of {} to 10 whole numbers", key, least);
  to.clear();
  for (const auto& item : list) to.push_back(number(item, file, key, 1));
}

}  // namespace

int VqganConfig::downsampling() const noexcept { return (1 << (channel_multipliers.size() - 1)) * (wavelet ? 2 : 1); }

VqganConfig VqganConfig::load(const std::filesystem::path& path) {
  std::ifstream file(path);
  if (!file) fail(ErrorCode::not_found, path.string(), "the file cannot be read");
  return parse(std::string(std::istreambuf_iterator<char>(file), {}), path.string());
}

VqganConfig VqganConfig::parse(std::string_view text, const std::string& name) {
  const nlohmann::json json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) fail(ErrorCode::bad_file, name, "not a JSON object");
  VqganConfig config;
  read_number(json, "n_embed", name, 1, config.codebook_size);
  read_number(json, "embed_dim", name, 1, config.embed_dim);
  if (json.contains("dwt")) {
    if (!json.at("dwt").is_boolean()) fail(ErrorCode::bad_file, name, "'dwt' must be true or false");
    config.wavelet = json.at("dwt").get<bool>();
  }
  const nlohmann::json& dd = json.contains("ddconfig") ? json.at("ddconfig") : json;
  if (!dd.is_object()) fail(ErrorCode::bad_file, name, "'ddconfig' must be an object");
  read_number(dd, "ch", name, 1, config.channels);
  read_number(dd, "num_res_blocks", name, 1, config.residual_blocks);
  read_number(dd, "resolution", name, 1, config.resolution);
  read_number(dd, "z_channels", name, 1, config.z_channels);
  read_list(dd, "ch_mult", name, 1, config.channel_multipliers);
  read_list(dd, "attn_resolutions", name, 0, config.attention_resolutions);
  if (config.channels % 32 != 0)
    fail(ErrorCode::bad_file, name, "'ch' is {}, expected a multiple of 32", config.channels);
  return config;
}

}  // namespace kandinsky
