#pragma once
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "kandinsky/pipeline.h"
#include "params.h"

namespace kandinsky::server {

// The OpenAPI description with this server's limits: `maximum` where a schema has "x-limit", `maxItems` where it has
// "x-limit-items".
std::string describe_api(std::string_view openapi, const Limits& limits);

// What a client may want to know of the model: sizes, limits, defaults.
nlohmann::ordered_json describe_model(const Pipeline& pipeline, const Limits& limits);

}  // namespace kandinsky::server
