#include "pipeline/generation_config.h"

#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>

#include "core/fail.h"

namespace kandinsky {
namespace {

constexpr std::size_t most_bytes = 1 << 20;

std::string read(const std::filesystem::path& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file)
    fail(errno == ENOENT ? ErrorCode::not_found : ErrorCode::io, path.string(), "cannot be read: {}",
         std::strerror(errno));
  std::string text(most_bytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) fail(ErrorCode::io, path.string(), "cannot be read");
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > most_bytes) fail(ErrorCode::bad_file, path.string(), "is too large for a generation config");
  return text;
}

template <typename Fits>
double number(const nlohmann::json& value, const std::filesystem::path& path, const std::string& key,
              const char* expected, Fits fits) {
  if (value.is_number())
    if (const double number = value.get<double>(); fits(number)) return number;
  fail(ErrorCode::bad_file, path.string(), "{} is {}, expected {}", key,
       value.is_primitive() ? value.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace) : value.type_name(),
       expected);
}

}  // namespace

GenerationConfig GenerationConfig::load(const std::filesystem::path& path) {
  const nlohmann::json json = nlohmann::json::parse(read(path), nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) fail(ErrorCode::bad_file, path.string(), "is not a JSON object");
  GenerationConfig config;
  for (const auto& [key, value] : json.items()) {
    if (key == "top_k") {
      config.top_k = static_cast<int>(number(value, path, key, "a whole number from 0", [](double k) {
        return k >= 0 && k == std::floor(k) && k <= std::numeric_limits<int>::max();
      }));
    } else if (key == "top_p") {
      config.top_p =
          number(value, path, key, "a number above 0 and at most 1", [](double p) { return p > 0 && p <= 1; });
    } else if (key == "temperature") {
      config.temperature = number(value, path, key, "a number above 0 and at most 1000",
                                  [](double t) { return t >= 1e-6 && t <= 1000; });
    } else {
      fail(ErrorCode::bad_file, path.string(), "unknown key \"{}\" (known are top_k, top_p and temperature)", key);
    }
  }
  return config;
}

}  // namespace kandinsky
