#include <fmt/format.h>

#include <cmath>

#include "generation.h"
#include "json_text.h"

namespace kandinsky::server {
namespace {

using nlohmann::json;

Query read_instance(const json& instance, const std::string& where, const Limits& limits,
                    const GenerateOptions& defaults) {
  if (!instance.is_object()) throw BadRequest(fmt::format("{}: {} is not an object", where, shown(instance)));
  for (const auto& [key, value] : instance.items())
    if (key != "query" && key != "params")
      throw BadRequest(fmt::format("{}: unknown field {} (known are query, params)", where, shown(key)));
  if (!instance.contains("query")) throw BadRequest(fmt::format("{}.query: is missing, expected a string", where));
  std::string prompt = read_prompt(instance.at("query"), where + ".query");
  Query query = read_params(member(instance, "params"), where + ".params", limits, defaults, Protocol::v1);
  query.prompt = std::move(prompt);
  return query;
}

std::string number(double value) { return std::isfinite(value) ? fmt::format("{}", value) : "null"; }

template <typename Value>
void append_list(std::string& to, const char* name, const std::vector<EncodedPicture>& pictures, Value value) {
  to += fmt::format(", \"{}\": [", name);
  for (std::size_t i = 0; i < pictures.size(); ++i) {
    if (i > 0) to += ", ";
    to += value(pictures[i]);
  }
  to += ']';
}

void append_prediction(std::string& to, const Query& query, const std::vector<EncodedPicture>& pictures) {
  to += "{\"ok\": true, \"images\": [";
  for (std::size_t i = 0; i < pictures.size(); ++i) {
    to += i > 0 ? ", \"" : "\"";
    to += pictures[i].data;
    to += '"';
  }
  to += ']';
  if (pictures.front().clip_score)
    append_list(to, "clip_scores", pictures, [](const EncodedPicture& p) {
      return std::isfinite(*p.clip_score) ? fmt::format("{}", *p.clip_score) : "null";
    });
  else
    to += ", \"clip_scores\": []";
  if (query.details) {
    append_list(to, "ppl", pictures, [](const EncodedPicture& p) { return number(p.ppl); });
    append_list(to, "seeds", pictures, [](const EncodedPicture& p) { return std::to_string(p.seed); });
    append_list(to, "numbers", pictures, [](const EncodedPicture& p) { return std::to_string(p.number); });
  }
  to += '}';
}

}  // namespace

bool Generation::base64() const {
  for (const Output& output : outputs)
    if (output.name == "images") return !output.binary;
  return true;
}

void check_total(const Generation& generation, const Limits& limits, const std::string& where) {
  long long total = 0;
  for (const Query& query : generation.queries) total += query.options.images;
  if (total > limits.max_images)
    throw BadRequest(
        fmt::format("{}: images_to_gen is {} for all together, expected at most {}", where, total, limits.max_images));
}

Generation parse_v1(std::string_view body, const Limits& limits, const GenerateOptions& defaults, bool one) {
  json request;
  try {
    request = parse_json(body);
  } catch (const JsonError& error) {
    throw BadRequest(fmt::format("body: {}", error.what()));
  }
  if (!request.is_object()) throw BadRequest(fmt::format("body: {} is not an object with instances", shown(request)));
  for (const auto& [key, value] : request.items())
    if (key != "instances") throw BadRequest(fmt::format("body: unknown field {} (known is instances)", shown(key)));
  static const json none;
  const json* given = member(request, "instances");
  const json& instances = given == nullptr ? none : *given;
  const std::size_t most = one ? 1 : static_cast<std::size_t>(limits.max_images);
  if (!instances.is_array() || instances.empty() || instances.size() > most)
    throw BadRequest(one ? "instances: expected an array of exactly one object"
                         : fmt::format("instances: expected an array of 1 to {} objects", most));
  Generation generation;
  for (std::size_t i = 0; i < instances.size(); ++i)
    generation.queries.push_back(read_instance(instances[i], fmt::format("instances[{}]", i), limits, defaults));
  check_total(generation, limits, "instances");
  return generation;
}

std::string v1_answer(const Generation& generation, Collectors collectors) {
  std::string body;
  std::size_t size = 256;
  for (const auto& collector : collectors)
    for (const EncodedPicture& picture : collector->pictures()) size += picture.data.size() + 128;
  body.reserve(size);
  if (collectors.size() == 1) {
    append_prediction(body, generation.queries[0], collectors[0]->pictures());
    return body;
  }
  body += "{\"ok\": true, \"predictions\": [";
  for (std::size_t i = 0; i < collectors.size(); ++i) {
    if (i > 0) body += ", ";
    append_prediction(body, generation.queries[i], collectors[i]->pictures());
  }
  body += "]}";
  return body;
}

}  // namespace kandinsky::server
