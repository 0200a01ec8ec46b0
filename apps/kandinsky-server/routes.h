#pragma once
#include <string>
#include <string_view>

namespace kandinsky::server {

struct Asset {
  std::string_view path;  // "/index.html"
  std::string_view type;
  std::string_view body;
};

// The web page's files and /openapi.json, built into the program; nullptr for another path.
const Asset* find_asset(std::string_view path);

struct Route {
  enum class Kind {
    none,
    root,
    asset,
    openapi,
    metrics,
    v1_models,
    v1_model,
    predict,
    stream,
    v2_server,
    live,
    ready,
    v2_model,
    v2_model_ready,
    infer,
  };
  Kind kind = Kind::none;
  std::string model;
  const Asset* asset = nullptr;

  bool generates() const { return kind == Kind::predict || kind == Kind::stream || kind == Kind::infer; }
  bool is_v1() const {
    return kind == Kind::v1_models || kind == Kind::v1_model || kind == Kind::predict || kind == Kind::stream;
  }
  // Needs no bearer token: what probes and a browser ask for before it has one.
  bool open() const {
    return kind == Kind::root || kind == Kind::asset || kind == Kind::openapi || kind == Kind::live ||
           kind == Kind::ready;
  }
  // In metrics.
  const char* label() const;
};

// The route of a request's target (a path, perhaps with a query, percent-encoded).
Route find_route(std::string_view target);

}  // namespace kandinsky::server
