#pragma once
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <string>

#include "kandinsky/pipeline.h"
#include "settings.h"

namespace kandinsky::server {

// A request that cannot be meant, answered 400: the message names the field and what it may be.
struct BadRequest : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// What the model and the server's settings allow.
struct Limits {
  int max_images = 64;
  Seconds timeout{300};
  int grid = 0;         // of image prompts, in tokens
  int prompt_side = 0;  // in pixels
};

// One query with its parameters.
struct Query {
  std::string prompt;
  GenerateOptions options;  // seed and counts are set
  ImageFormat format = ImageFormat::jpeg;
  int quality = 95;
  bool details = false;
  Seconds timeout{0};
};

constexpr std::size_t most_query_bytes = 8192;

enum class Protocol { v1, v2 };

// Checks a prompt: at most 8192 bytes.
std::string read_prompt(const nlohmann::json& value, const std::string& where);
// Reads the parameters (the original's names) of a JSON object into a query. `defaults` are the model's.
// `params` may be nullptr: all defaults. Throws BadRequest that names `where` and the field.
Query read_params(const nlohmann::json* params, const std::string& where, const Limits& limits,
                  const GenerateOptions& defaults, Protocol protocol);

// A member of an object; nullptr if it is not there, or null, which means the same.
const nlohmann::json* member(const nlohmann::json& object, const char* key);

// An integer from 0 to 2^64 - 1, which may be written as 2.0 or 2e3 too.
std::optional<std::uint64_t> whole_number(const nlohmann::json& value);

}  // namespace kandinsky::server
