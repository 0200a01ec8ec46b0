#pragma once
#include <filesystem>
#include <optional>

namespace kandinsky {

// What a model directory's generation_config.json says of sampling; what it does not say is left to the
// defaults.
struct GenerationConfig {
  std::optional<int> top_k;
  std::optional<double> top_p;
  std::optional<double> temperature;

  // A JSON object with no keys but these. Throws Error (not_found, io, bad_file) that names the file and the
  // key.
  static GenerationConfig load(const std::filesystem::path& path);
};

}  // namespace kandinsky
