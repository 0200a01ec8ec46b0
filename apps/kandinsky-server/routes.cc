#include "routes.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <vector>

#include "assets.h"

namespace kandinsky::server {
namespace {

std::optional<std::string> decode_percent(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    unsigned value = 0;
    if (i + 2 >= text.size()) return std::nullopt;
    const auto [stop, error] = std::from_chars(text.data() + i + 1, text.data() + i + 3, value, 16);
    if (error != std::errc() || stop != text.data() + i + 3) return std::nullopt;
    decoded += static_cast<char>(value);
    i += 2;
  }
  return decoded;
}

std::vector<std::string> split(const std::string& path) {
  std::vector<std::string> parts;
  for (std::size_t start = 1; start <= path.size();) {
    const std::size_t end = std::min(path.find('/', start), path.size());
    parts.push_back(path.substr(start, end - start));
    start = end + 1;
  }
  return parts;
}

Route model_route_v1(std::string name) {
  using Kind = Route::Kind;
  const auto ends_with = [&](std::string_view verb) {
    if (!name.ends_with(verb)) return false;
    name.resize(name.size() - verb.size());
    return true;
  };
  if (ends_with(":predict")) return {Kind::predict, name};
  if (ends_with(":stream")) return {Kind::stream, name};
  if (name.find(':') != std::string::npos) return {};
  return {Kind::v1_model, name};
}

Route model_route_v2(std::vector<std::string> parts) {
  using Kind = Route::Kind;
  const std::string model = parts[2];
  parts.erase(parts.begin(), parts.begin() + 3);
  if (parts.size() >= 2 && parts[0] == "versions" && parts[1] == "1") parts.erase(parts.begin(), parts.begin() + 2);
  if (parts.empty()) return {Kind::v2_model, model};
  if (parts.size() == 1 && parts[0] == "ready") return {Kind::v2_model_ready, model};
  if (parts.size() == 1 && parts[0] == "infer") return {Kind::infer, model};
  return {};
}

}  // namespace

const Asset* find_asset(std::string_view path) {
  for (const Asset& asset : assets())
    if (asset.path == path) return &asset;
  return nullptr;
}

const char* Route::label() const {
  switch (kind) {
    case Kind::predict:
      return "predict";
    case Kind::stream:
      return "stream";
    case Kind::infer:
      return "infer";
    default:
      return "other";
  }
}

Route find_route(std::string_view target) {
  using Kind = Route::Kind;
  const std::optional<std::string> path = decode_percent(target.substr(0, target.find('?')));
  if (!path || path->empty() || path->front() != '/') return {};
  if (*path == "/") return {Kind::root, "", find_asset("/index.html")};
  if (const Asset* asset = find_asset(*path))
    return {*path == "/openapi.json" ? Kind::openapi : Kind::asset, "", asset};
  const std::vector<std::string> parts = split(*path);
  if (parts == std::vector<std::string>{"metrics"}) return {Kind::metrics, ""};
  if (parts.front() == "v1" && parts.size() >= 2 && parts[1] == "models") {
    if (parts.size() == 2) return {Kind::v1_models, ""};
    if (parts.size() == 3) return model_route_v1(parts[2]);
  }
  if (parts.front() == "v2") {
    if (parts.size() == 1) return {Kind::v2_server, ""};
    if (parts == std::vector<std::string>{"v2", "health", "live"}) return {Kind::live, ""};
    if (parts == std::vector<std::string>{"v2", "health", "ready"}) return {Kind::ready, ""};
    if (parts.size() >= 3 && parts[1] == "models") return model_route_v2(parts);
  }
  return {};
}

}  // namespace kandinsky::server
