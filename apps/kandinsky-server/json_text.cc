#include "json_text.h"

#include <fmt/format.h>

#include <set>
#include <vector>

namespace kandinsky::server {
namespace {

using nlohmann::json;

constexpr int most_depth = 32;

}  // namespace

json parse_json(std::string_view text) {
  std::vector<std::set<std::string>> keys;
  const auto check = [&](int depth, json::parse_event_t event, json& value) {
    if (depth > most_depth) throw JsonError(fmt::format("is JSON of more than {} levels", most_depth));
    if (event == json::parse_event_t::object_start) keys.emplace_back();
    if (event == json::parse_event_t::object_end) keys.pop_back();
    if (event == json::parse_event_t::key && !keys.back().insert(value.get<std::string>()).second)
      throw JsonError(fmt::format("has the key {} twice", shown(value)));
    return true;
  };
  try {
    return json::parse(text, check);
  } catch (const json::parse_error& error) {
    if (text.empty()) throw JsonError("is empty, expected JSON");
    const bool utf8 = std::string_view(error.what()).find("UTF-8") != std::string_view::npos;
    throw JsonError(fmt::format("is not {} at byte {}", utf8 ? "valid UTF-8" : "JSON", error.byte));
  } catch (const json::exception&) {
    throw JsonError("has a number that is out of range");
  }
}

std::string shown(const json& value) {
  if (value.is_object() || value.is_array()) return value.is_object() ? "an object" : "an array";
  std::string text = value.dump(-1, ' ', true, json::error_handler_t::replace);
  constexpr std::size_t most = 60;
  if (text.size() > most) text = text.substr(0, most) + "...";
  return text;
}

std::string json_string(std::string_view text) {
  return json(text).dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace kandinsky::server
