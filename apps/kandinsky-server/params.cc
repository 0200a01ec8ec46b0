#include "params.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <limits>
#include <random>
#include <string_view>
#include <utility>

#include "image/base64.h"
#include "json_text.h"
#include "picture_size.h"

namespace kandinsky::server {
namespace {

using nlohmann::json;

// The members of an object, read one by one.
class Fields {
 public:
  Fields(const json& object, std::string where) : object_(object), where_(std::move(where)) {
    if (!object.is_object()) throw BadRequest(fmt::format("{}: {} is not an object", where_, shown(object)));
  }

  std::string path(const char* key) const { return where_ + "." + key; }

  void only(std::initializer_list<std::string_view> known) const {
    for (const auto& [key, value] : object_.items())
      if (std::ranges::find(known, key) == known.end())
        throw BadRequest(
            fmt::format("{}: unknown field {} (known are {})", where_, shown(key), fmt::join(known, ", ")));
  }

  void integer(const char* key, int& value, int least, int most, std::string_view why = "") const {
    const json* given = member(object_, key);
    if (given == nullptr) return;
    const std::optional<std::uint64_t> found = whole_number(*given);
    if (!found || std::cmp_less(*found, least) || std::cmp_greater(*found, most))
      throw BadRequest(
          fmt::format("{}: {} is not an integer from {} to {}{}", path(key), shown(*given), least, most, why));
    value = static_cast<int>(*found);
  }

  void seed(const char* key, std::uint64_t& value) const {
    const json* given = member(object_, key);
    if (given == nullptr) return;
    const std::optional<std::uint64_t> found = whole_number(*given);
    if (!found)
      throw BadRequest(fmt::format("{}: {} is not an integer from 0 to {}", path(key), shown(*given),
                                   std::numeric_limits<std::uint64_t>::max()));
    value = *found;
  }

  template <typename Fits>
  std::optional<double> real(const char* key, const std::string& expected, Fits fits) const {
    const json* given = member(object_, key);
    if (given == nullptr) return std::nullopt;
    const json& found = *given;
    if (!found.is_number() || !fits(found.get<double>()))
      throw BadRequest(fmt::format("{}: {} is not {}", path(key), shown(found), expected));
    return found.get<double>();
  }

  void boolean(const char* key, bool& value) const {
    const json* given = member(object_, key);
    if (given == nullptr) return;
    const json& found = *given;
    if (!found.is_boolean()) throw BadRequest(fmt::format("{}: {} is not true or false", path(key), shown(found)));
    value = found.get<bool>();
  }

  const json* get(const char* key) const { return member(object_, key); }

 private:
  const json& object_;
  std::string where_;
};

// Seeds that JavaScript can hold.
std::uint64_t random_seed() {
  std::random_device device;
  return (std::uint64_t{device()} << 32 | device()) >> 11;
}

Image read_image(const json& value, const std::string& where, int side) {
  if (!value.is_string()) throw BadRequest(fmt::format("{}: {} is not a base64 string", where, shown(value)));
  try {
    const std::vector<std::byte> file = decode_base64(value.get_ref<const std::string&>(), where);
    // The size first: a small file may stand for gigabytes of pixels.
    const std::optional<PictureSize> size = picture_size(file);
    if (!size) throw BadRequest(fmt::format("{}: is not a PNG or JPEG file", where));
    if (size->width != side || size->height != side)
      throw BadRequest(
          fmt::format("{}: is {}x{} pixels, expected {}x{}", where, size->width, size->height, side, side));
    return Image::decode(file, where);
  } catch (const Error& error) {
    throw BadRequest(error.what());
  }
}

ImagePrompt read_image_prompt(const json& value, const std::string& where, const Limits& limits) {
  const Fields fields(value, where);
  fields.only({"image", "up", "down", "left", "right", "crop_first"});
  ImagePrompt prompt;
  fields.integer("up", prompt.up, 0, limits.grid);
  fields.integer("down", prompt.down, 0, limits.grid);
  fields.integer("left", prompt.left, 0, limits.grid);
  fields.integer("right", prompt.right, 0, limits.grid);
  fields.boolean("crop_first", prompt.crop_first);
  if (prompt.up + prompt.down + prompt.left + prompt.right == 0)
    throw BadRequest(
        fmt::format("{}: keeps nothing: one of up, down, left, right must be from 1 to {}", where, limits.grid));
  const json* image = fields.get("image");
  if (image == nullptr) throw BadRequest(fmt::format("{}: is missing, expected base64", fields.path("image")));
  prompt.image = read_image(*image, fields.path("image"), limits.prompt_side);
  return prompt;
}

void read_counts(const Fields& fields, const Limits& limits, GenerateOptions& options) {
  options.images = std::min(options.images, limits.max_images);
  fields.integer("images_to_gen", options.images, 1, limits.max_images);
  options.pick = std::min(options.pick, options.images);
  fields.integer("images_to_cherry_pick", options.pick, 1, options.images, ", the images_to_gen");
}

void read_sampling(const Fields& fields, GenerateOptions& options) {
  if (fields.get("top_k") != nullptr) {
    int top_k = 0;
    fields.integer("top_k", top_k, 0, std::numeric_limits<int>::max());
    options.top_k = top_k;
  }
  if (const auto p = fields.real("top_p", "a number above 0 and at most 1", [](double x) { return x > 0 && x <= 1; }))
    options.top_p = p;
  if (const auto t =
          fields.real("temperature", "a number from 0.000001 to 1000", [](double x) { return x >= 1e-6 && x <= 1000; }))
    options.temperature = t;
}

void read_format(const Fields& fields, Query& query) {
  fields.integer("quality", query.quality, 1, 100);
  const json* given = fields.get("format");
  if (given == nullptr) return;
  const json& format = *given;
  if (format != "jpeg" && format != "png")
    throw BadRequest(fmt::format("{}: {} is not \"jpeg\" or \"png\"", fields.path("format"), shown(format)));
  query.format = format == "png" ? ImageFormat::png : ImageFormat::jpeg;
}

}  // namespace

const json* member(const json& object, const char* key) {
  const auto at = object.find(key);
  return at == object.end() || at->is_null() ? nullptr : &*at;
}

std::optional<std::uint64_t> whole_number(const json& value) {
  if (value.is_number_unsigned()) return value.get<std::uint64_t>();
  if (!value.is_number()) return std::nullopt;
  const double number = value.get<double>();
  if (!(number >= 0 && number < 0x1p64) || number != std::floor(number)) return std::nullopt;
  return static_cast<std::uint64_t>(number);
}

std::string read_prompt(const json& value, const std::string& where) {
  if (!value.is_string()) throw BadRequest(fmt::format("{}: {} is not a string", where, shown(value)));
  const std::string& text = value.get_ref<const std::string&>();
  if (text.size() > most_query_bytes)
    throw BadRequest(fmt::format("{}: {} bytes of text, expected at most {}", where, text.size(), most_query_bytes));
  return text;
}

Query read_params(const json* params, const std::string& where, const Limits& limits, const GenerateOptions& defaults,
                  Protocol protocol) {
  Query query;
  query.options = defaults;
  query.options.seed = random_seed();
  query.timeout = limits.timeout;
  static const json none = json::object();
  const Fields fields(params == nullptr ? none : *params, where);
  if (protocol == Protocol::v1)
    fields.only({"images_to_gen", "images_to_cherry_pick", "top_k", "top_p", "temperature", "super_res", "seed",
                 "format", "quality", "details", "timeout", "image_prompt", "preview_every"});
  else
    fields.only({"images_to_gen", "images_to_cherry_pick", "top_k", "top_p", "temperature", "super_res", "seed",
                 "format", "quality", "timeout", "binary_data_output"});
  read_counts(fields, limits, query.options);
  read_sampling(fields, query.options);
  fields.boolean("super_res", query.options.super_resolution);
  fields.seed("seed", query.options.seed);
  read_format(fields, query);
  const double most = limits.timeout.count();
  if (const auto timeout = fields.real("timeout", fmt::format("a number of seconds above 0 and at most {}", most),
                                       [most](double x) { return x > 0 && x <= most; }))
    query.timeout = Seconds(*timeout);
  if (protocol == Protocol::v1) {
    fields.boolean("details", query.details);
    fields.integer("preview_every", query.options.preview_every, 0, 65536);
    if (const json* prompt = fields.get("image_prompt"))
      query.options.image_prompt = read_image_prompt(*prompt, fields.path("image_prompt"), limits);
  }
  return query;
}

}  // namespace kandinsky::server
