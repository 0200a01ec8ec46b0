#include "transformer/config_file.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>

#include "core/fail.h"

namespace kandinsky {
namespace {

constexpr std::size_t most_bytes = 1 << 20;

using Number = std::optional<int> TransformerConfigFile::*;
using Flag = std::optional<bool> TransformerConfigFile::*;

struct NumberField {
  const char* name;
  Number member;
  int TransformerConfig::*of_tensors;  // nullptr: tensors do not tell
};

constexpr NumberField numbers[] = {
    {"layers", &TransformerConfigFile::layers, &TransformerConfig::layers},
    {"hidden", &TransformerConfigFile::hidden, &TransformerConfig::hidden},
    {"heads", &TransformerConfigFile::heads, nullptr},
    {"text_length", &TransformerConfigFile::text_length, &TransformerConfig::text_length},
    {"grid", &TransformerConfigFile::grid, &TransformerConfig::grid},
    {"text_vocab", &TransformerConfigFile::text_vocab, &TransformerConfig::text_vocab},
    {"image_vocab", &TransformerConfigFile::image_vocab, &TransformerConfig::image_vocab},
    {"version", &TransformerConfigFile::version, nullptr},
};

struct FlagField {
  const char* name;
  Flag member;
};

constexpr FlagField flags[] = {
    {"sandwich", &TransformerConfigFile::sandwich},
    {"relax", &TransformerConfigFile::relax},
};

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
  if (text.size() > most_bytes) fail(ErrorCode::bad_file, path.string(), "is too large for a transformer's config");
  return text;
}

std::string shown(const nlohmann::json& value) {
  if (!value.is_primitive()) return value.type_name();
  return value.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

int whole_number(const nlohmann::json& value, const std::filesystem::path& path, const std::string& name) {
  constexpr int most = std::numeric_limits<int>::max();
  // A number above int64 is kept unsigned, so it must not be asked for as a signed one.
  if (value.is_number_unsigned() && value.get<std::uint64_t>() <= most)
    return static_cast<int>(value.get<std::uint64_t>());
  fail(ErrorCode::bad_file, path.string(), "{} is {}, expected a whole number from 0", name, shown(value));
}

}  // namespace

TransformerConfigFile TransformerConfigFile::load(const std::filesystem::path& path) {
  const nlohmann::json json = nlohmann::json::parse(read(path), nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) fail(ErrorCode::bad_file, path.string(), "is not a JSON object");
  TransformerConfigFile config;
  for (const auto& [key, value] : json.items()) {
    bool known = false;
    for (const NumberField& field : numbers) {
      if (key != field.name) continue;
      config.*field.member = whole_number(value, path, key);
      known = true;
    }
    for (const FlagField& field : flags) {
      if (key != field.name) continue;
      if (!value.is_boolean())
        fail(ErrorCode::bad_file, path.string(), "{} is {}, expected true or false", key, shown(value));
      config.*field.member = value.get<bool>();
      known = true;
    }
    if (!known)
      fail(ErrorCode::bad_file, path.string(),
           "unknown field {}, expected layers, hidden, heads, text_length, grid, text_vocab, image_vocab, "
           "version, "
           "sandwich or relax",
           nlohmann::json(key).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace));
  }
  return config;
}

void TransformerConfigFile::check_sizes(const TransformerConfig& tensors, const std::string& subject) const {
  for (const NumberField& field : numbers) {
    const std::optional<int>& given = this->*field.member;
    if (!given || field.of_tensors == nullptr || *given == tensors.*field.of_tensors) continue;
    fail(ErrorCode::bad_file, subject, "{} is {}, but the tensors' shapes say {}", field.name, *given,
         tensors.*field.of_tensors);
  }
  if (sandwich && *sandwich != tensors.sandwich)
    fail(ErrorCode::bad_file, subject, "sandwich is {}, but the tensors' names say {}", *sandwich, tensors.sandwich);
}

}  // namespace kandinsky
