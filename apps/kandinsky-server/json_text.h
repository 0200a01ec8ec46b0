#pragma once
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <string_view>

namespace kandinsky::server {

struct JsonError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Strict: UTF-8, at most 32 levels deep, no key twice in an object. Throws JsonError that says where.
nlohmann::json parse_json(std::string_view text);

// A value as a message shows it: one short line.
std::string shown(const nlohmann::json& value);

// A string as JSON writes it, with its quotes.
std::string json_string(std::string_view text);

}  // namespace kandinsky::server
