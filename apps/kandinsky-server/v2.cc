#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

#include "generation.h"
#include "json_text.h"
#include "text/utf8.h"

namespace kandinsky::server {
namespace {

using nlohmann::json;

// A member, or null for one that is not there.
const json& member_or_null(const json& object, const char* key) {
  static const json null;
  const json* found = member(object, key);
  return found == nullptr ? null : *found;
}

struct Tensor {
  std::string_view name;
  std::string_view type;
};
constexpr Tensor known_outputs[] = {
    {"images", "BYTES"}, {"clip_scores", "FP32"}, {"ppl", "FP64"}, {"seeds", "UINT64"}, {"numbers", "INT32"}};

std::uint32_t little_endian(std::string_view bytes) {
  std::uint32_t value = 0;
  for (int i = 3; i >= 0; --i) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

template <typename T>
void append_little_endian(std::string& to, T value) {
  static_assert(std::endian::native == std::endian::little);
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);
  to.append(bytes, sizeof value);
}

// Elements of a binary BYTES tensor: each a 4-byte length and that many bytes.
std::vector<std::string> split_bytes(std::string_view data) {
  std::vector<std::string> elements;
  while (!data.empty()) {
    if (data.size() < 4) throw BadRequest("inputs[0]: its binary data ends within a length");
    const std::uint32_t size = little_endian(data);
    data.remove_prefix(4);
    if (size > data.size()) throw BadRequest("inputs[0]: its binary data ends within an element");
    elements.emplace_back(data.substr(0, size));
    data.remove_prefix(size);
  }
  return elements;
}

// `data`, which may be nested as the shape is.
void flatten(const json& data, std::vector<json>& elements) {
  for (const json& element : data) {
    if (element.is_array())
      flatten(element, elements);
    else
      elements.push_back(element);
  }
}

std::size_t element_count(const json& shape, std::size_t most) {
  const std::string expected = fmt::format("inputs[0].shape: expected [n] or [n, 1] with n from 1 to {}", most);
  if (!shape.is_array() || shape.empty() || shape.size() > 2) throw BadRequest(expected);
  for (const json& side : shape)
    if (!whole_number(side)) throw BadRequest(expected);
  const std::uint64_t count = *whole_number(shape[0]);
  if (count < 1 || count > most || (shape.size() == 2 && shape[1] != 1)) throw BadRequest(expected);
  return count;
}

std::string checked_utf8(std::string text, const std::string& where) {
  try {
    check_utf8(text, where.c_str());
  } catch (const Error& error) {
    throw BadRequest(error.what());
  }
  return text;
}

std::vector<std::string> read_queries(const json& input, std::string_view binary, const Limits& limits) {
  if (!input.is_object()) throw BadRequest(fmt::format("inputs[0]: {} is not an object", shown(input)));
  if (member_or_null(input, "name") != "query")
    throw BadRequest(fmt::format("inputs[0].name: {} is not \"query\"", shown(member_or_null(input, "name"))));
  if (member_or_null(input, "datatype") != "BYTES")
    throw BadRequest(fmt::format("inputs[0].datatype: {} is not \"BYTES\"", shown(member_or_null(input, "datatype"))));
  const std::size_t count = element_count(member_or_null(input, "shape"), limits.max_images);
  const json& parameters = member_or_null(input, "parameters");
  const json& size = parameters.is_object() ? member_or_null(parameters, "binary_data_size") : parameters;
  std::vector<std::string> queries;
  if (!size.is_null()) {
    if (whole_number(size) != binary.size())
      throw BadRequest(fmt::format("inputs[0].parameters.binary_data_size: {}, but {} bytes follow the JSON",
                                   shown(size), binary.size()));
    for (std::string& element : split_bytes(binary)) queries.push_back(checked_utf8(std::move(element), "inputs[0]"));
  } else {
    if (!binary.empty())
      throw BadRequest(fmt::format("body: {} bytes after the JSON belong to no input", binary.size()));
    const json& data = member_or_null(input, "data");
    if (!data.is_array()) throw BadRequest(fmt::format("inputs[0].data: {} is not an array", shown(data)));
    std::vector<json> elements;
    flatten(data, elements);
    for (std::size_t i = 0; i < elements.size(); ++i)
      queries.push_back(read_prompt(elements[i], fmt::format("inputs[0].data[{}]", i)));
  }
  if (queries.size() != count)
    throw BadRequest(fmt::format("inputs[0].data: {} elements, expected {} as its shape says", queries.size(), count));
  for (const std::string& query : queries) read_prompt(query, "inputs[0].data");
  return queries;
}

std::vector<Generation::Output> read_outputs(const json* given, bool binary) {
  if (given == nullptr || (given->is_array() && given->empty())) return {{"images", binary}, {"clip_scores", binary}};
  const json& outputs = *given;
  if (!outputs.is_array()) throw BadRequest(fmt::format("outputs: {} is not an array", shown(outputs)));
  std::vector<Generation::Output> read;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const std::string where = fmt::format("outputs[{}]", i);
    if (!outputs[i].is_object()) throw BadRequest(fmt::format("{}: {} is not an object", where, shown(outputs[i])));
    const json& name = member_or_null(outputs[i], "name");
    if (!name.is_string() || !std::ranges::any_of(known_outputs, [&](const Tensor& t) {
          return name.get_ref<const std::string&>() == t.name;
        }))
      throw BadRequest(
          fmt::format("{}.name: {} is not one of images, clip_scores, ppl, seeds, numbers", where, shown(name)));
    const auto text = name.get<std::string>();
    if (std::ranges::any_of(read, [&](const auto& output) { return output.name == text; }))
      throw BadRequest(fmt::format("{}.name: {} is there twice", where, shown(name)));
    Generation::Output& output = read.emplace_back(Generation::Output{text, binary});
    const json* parameters = member(outputs[i], "parameters");
    if (parameters == nullptr) continue;
    if (!parameters->is_object())
      throw BadRequest(fmt::format("{}.parameters: {} is not an object", where, shown(*parameters)));
    const json* wish = member(*parameters, "binary_data");
    if (wish == nullptr) continue;
    if (!wish->is_boolean())
      throw BadRequest(fmt::format("{}.parameters.binary_data: {} is not true or false", where, shown(*wish)));
    output.binary = wish->get<bool>();
  }
  return read;
}

// One value of a picture, as text in JSON or as bytes.
void append_value(std::string& to, const std::string& name, bool binary, const EncodedPicture& picture) {
  const auto append = [&](auto value) {
    binary ? append_little_endian(to, value) : void(to += fmt::format("{}", value));
  };
  if (name == "images") {
    if (binary) append_little_endian(to, static_cast<std::uint32_t>(picture.data.size()));
    if (!binary) to += '"';
    to += picture.data;
    if (!binary) to += '"';
  } else if (name == "clip_scores") {
    append(picture.clip_score.value_or(0));
  } else if (name == "ppl") {
    append(picture.ppl);
  } else if (name == "seeds") {
    append(picture.seed);
  } else {
    append(static_cast<std::int32_t>(picture.number));
  }
}

}  // namespace

Generation parse_v2(std::string_view body, std::optional<std::size_t> json_size, const Limits& limits,
                    const GenerateOptions& defaults) {
  if (json_size && *json_size > body.size())
    throw BadRequest(
        fmt::format("Inference-Header-Content-Length: {} is more than the body's {} bytes", *json_size, body.size()));
  json request;
  try {
    request = parse_json(body.substr(0, json_size.value_or(body.size())));
  } catch (const JsonError& error) {
    throw BadRequest(fmt::format("body: {}", error.what()));
  }
  if (!request.is_object()) throw BadRequest(fmt::format("body: {} is not an object with inputs", shown(request)));
  Generation generation;
  if (const json* id = member(request, "id")) {
    if (!id->is_string()) throw BadRequest(fmt::format("id: {} is not a string", shown(*id)));
    generation.id = id->get<std::string>();
  }
  const json& inputs = member_or_null(request, "inputs");
  if (!inputs.is_array() || inputs.size() != 1) throw BadRequest("inputs: expected an array of one tensor, query");
  const std::vector<std::string> queries =
      read_queries(inputs[0], json_size ? body.substr(*json_size) : std::string_view(), limits);
  const json& parameters = member_or_null(request, "parameters");
  const Query shared = read_params(member(request, "parameters"), "parameters", limits, defaults, Protocol::v2);
  const json& binary = parameters.is_object() ? member_or_null(parameters, "binary_data_output") : parameters;
  if (!binary.is_null() && !binary.is_boolean())
    throw BadRequest(fmt::format("parameters.binary_data_output: {} is not true or false", shown(binary)));
  generation.outputs = read_outputs(member(request, "outputs"), binary == true);
  for (const std::string& text : queries) {
    generation.queries.push_back(shared);
    generation.queries.back().prompt = text;
  }
  check_total(generation, limits, "inputs[0]");
  return generation;
}

V2Answer v2_answer(const std::string& model, const Generation& generation, Collectors collectors) {
  const std::size_t count = collectors.size(), kept = collectors[0]->pictures().size();
  const bool ranked = collectors[0]->pictures().front().clip_score.has_value();
  std::string head = fmt::format("{{\"model_name\": {}, \"model_version\": \"1\"", json_string(model));
  if (generation.id) head += ", \"id\": " + json_string(*generation.id);
  head += ", \"outputs\": [";
  std::string data;
  bool first = true, any_binary = false;
  for (const auto& [name, binary] : generation.outputs) {
    if (name == "clip_scores" && !ranked) continue;
    const auto* known = std::ranges::find(known_outputs, name, &Tensor::name);
    head += fmt::format("{}{{\"name\": \"{}\", \"datatype\": \"{}\", \"shape\": [{}, {}], \"parameters\": {{",
                        first ? "" : ", ", name, known->type, count, kept);
    if (name == "images")
      head += fmt::format("\"content_type\": \"image/{}\"{}",
                          generation.queries[0].format == ImageFormat::png ? "png" : "jpeg",
                          binary ? ", " : ", \"encoding\": \"base64\"");
    std::string& to = binary ? data : head;
    if (!binary) head += "}, \"data\": [";
    const std::size_t start = data.size();
    bool first_value = true;
    for (const auto& collector : collectors)
      for (const EncodedPicture& picture : collector->pictures()) {
        if (!binary && !first_value) head += ", ";
        append_value(to, name, binary, picture);
        first_value = false;
      }
    head += binary ? fmt::format("\"binary_data_size\": {}}}}}", data.size() - start) : "]}";
    any_binary = any_binary || binary;
    first = false;
  }
  head += "]}";
  if (!any_binary) return {std::move(head), std::nullopt};
  const std::size_t size = head.size();
  return {std::move(head) + data, size};
}

std::string v2_metadata(const std::string& model, const nlohmann::ordered_json& parameters) {
  nlohmann::ordered_json json = {{"name", model}, {"versions", {"1"}}, {"platform", "kandinsky"}};
  json["inputs"] = {{{"name", "query"}, {"datatype", "BYTES"}, {"shape", {-1}}}};
  json["outputs"] = nlohmann::ordered_json::array();
  for (const Tensor& tensor : known_outputs)
    json["outputs"].push_back({{"name", tensor.name}, {"datatype", tensor.type}, {"shape", {-1, -1}}});
  if (!parameters.empty()) json["parameters"] = parameters;
  return json.dump();
}

}  // namespace kandinsky::server
