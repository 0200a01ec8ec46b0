#include "description.h"

#include <cmath>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

namespace kandinsky::server {
namespace {

using nlohmann::ordered_json;
using Values = std::map<std::string, ordered_json>;

void fill_in(ordered_json& node, const Values& values) {
  if (node.is_object()) {
    for (const auto& [mark, field] : {std::pair("x-limit", "maximum"), std::pair("x-limit-items", "maxItems")})
      if (const auto found = node.find(mark); found != node.end() && found->is_string())
        if (const auto value = values.find(found->get<std::string>()); value != values.end())
          node[field] = value->second;
  }
  if (node.is_structured())
    for (ordered_json& child : node) fill_in(child, values);
}

// 300 rather than 300.0.
ordered_json number(double value) {
  if (value == std::floor(value)) return static_cast<std::int64_t>(value);
  return value;
}

}  // namespace

std::string describe_api(std::string_view openapi, const Limits& limits) {
  ordered_json description = ordered_json::parse(openapi);
  Values values = {{"max_images", limits.max_images}, {"timeout", number(limits.timeout.count())}};
  if (limits.grid > 0) values["image_grid"] = limits.grid;
  fill_in(description, values);
  return description.dump(2);
}

ordered_json describe_model(const Pipeline& pipeline, const Limits& limits) {
  const SamplingOptions service;  // holds the original's values
  const GenerateOptions model = pipeline.default_options();
  ordered_json json = {{"image_grid", limits.grid},
                       {"image_size", limits.prompt_side},
                       {"max_images", limits.max_images},
                       {"max_query_bytes", most_query_bytes},
                       {"timeout", number(limits.timeout.count())},
                       {"top_k", model.top_k.value_or(service.top_k)},
                       {"top_p", model.top_p.value_or(service.top_p)},
                       {"temperature", model.temperature.value_or(service.temperature)},
                       {"ranking", pipeline.ruclip() != nullptr},
                       {"super_resolution", pipeline.real_esrgan() != nullptr}};
  json["scale"] = pipeline.real_esrgan() == nullptr ? ordered_json() : ordered_json(pipeline.real_esrgan()->scale());
  return json;
}

}  // namespace kandinsky::server
