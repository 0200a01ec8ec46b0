#pragma once
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "params.h"
#include "pictures.h"

namespace kandinsky::server {

// A request for pictures, read and checked.
struct Generation {
  struct Output {
    std::string name;
    bool binary = false;
  };
  std::vector<Query> queries;
  // Of the V2 protocol.
  std::optional<std::string> id;
  std::vector<Output> outputs;

  // Whether pictures go out as base64 text rather than as they are.
  bool base64() const;
};

using Collectors = std::span<const std::shared_ptr<Collector>>;

// KServe V1: {"instances": [{"query", "params"}]}. `one`: exactly one. Throws BadRequest.
Generation parse_v1(std::string_view body, const Limits& limits, const GenerateOptions& defaults, bool one);
std::string v1_answer(const Generation& generation, Collectors collectors);

// Open Inference Protocol. The first `json_size` bytes are JSON if a header said so; the rest is binary data.
Generation parse_v2(std::string_view body, std::optional<std::size_t> json_size, const Limits& limits,
                    const GenerateOptions& defaults);
struct V2Answer {
  std::string body;
  std::optional<std::size_t> json_size;  // if binary data follows the JSON
};
V2Answer v2_answer(const std::string& model, const Generation& generation, Collectors collectors);
// `parameters`: what a client may want to know besides, if not empty.
std::string v2_metadata(const std::string& model, const nlohmann::ordered_json& parameters);

// The sum of all queries' images must fit. Throws BadRequest.
void check_total(const Generation& generation, const Limits& limits, const std::string& where);

}  // namespace kandinsky::server
