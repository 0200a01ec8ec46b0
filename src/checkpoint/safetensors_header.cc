#include "checkpoint/safetensors_header.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "checkpoint/printable.h"
#include "checkpoint/tensor_layout.h"
#include "core/fail.h"

namespace kandinsky {
namespace {

std::optional<DType> dtype_of(std::string_view name) {
  static const std::map<std::string_view, DType> dtypes = {{"F64", DType::float64},
                                                           {"F32", DType::float32},
                                                           {"F16", DType::float16},
                                                           {"BF16", DType::bfloat16},
                                                           {"C64", DType::complex64},
                                                           {"I64", DType::int64},
                                                           {"I32", DType::int32},
                                                           {"I16", DType::int16},
                                                           {"I8", DType::int8},
                                                           {"U8", DType::uint8},
                                                           {"U16", DType::uint16},
                                                           {"U32", DType::uint32},
                                                           {"U64", DType::uint64},
                                                           {"F8_E4M3", DType::float8_e4m3fn},
                                                           {"F8_E5M2", DType::float8_e5m2},
                                                           {"BOOL", DType::boolean}};
  const auto found = dtypes.find(name);
  if (found == dtypes.end()) return std::nullopt;
  return found->second;
}

// Receives the JSON events of a header. The header has three levels at most, so everything deeper is refused
// as it comes: {"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, "__metadata__": {"key":
// "value"}}.
class HeaderHandler : public nlohmann::json_sax<nlohmann::json> {
 public:
  HeaderHandler(SafetensorsHeader& header, const std::string& file) : header_(header), file_(file) {}

  bool start_object(std::size_t) override {
    if (level_ == Level::outside) {
      level_ = Level::header;
    } else if (level_ == Level::header && key_ == "__metadata__") {
      level_ = Level::metadata;
    } else if (level_ == Level::header) {
      level_ = Level::entry;
      header_.entries.push_back({key_, DType::float32, {}, 0, 0});
      has_dtype_ = has_shape_ = false;
      offsets_ = 0;
      has_offsets_ = false;
    } else {
      refuse("an object stands where none is expected");
    }
    return true;
  }

  bool key(std::string& name) override {
    key_ = name;
    if (level_ == Level::header && !names_.insert(name).second) {
      refuse(fmt::format("the name '{}' comes twice", printable(name)));
    }
    return true;
  }

  bool end_object() override {
    if (level_ == Level::entry && !(has_dtype_ && has_shape_ && offsets_ == 2)) {
      refuse(fmt::format("tensor '{}' needs a dtype, a shape and two data_offsets",
                         printable(header_.entries.back().name)));
    }
    level_ = level_ == Level::header ? Level::outside : Level::header;
    return true;
  }

  bool start_array(std::size_t) override {
    if (level_ == Level::entry && key_ == "shape" && !has_shape_) {
      has_shape_ = true;
      level_ = Level::shape;
    } else if (level_ == Level::entry && key_ == "data_offsets" && !has_offsets_) {
      has_offsets_ = true;
      level_ = Level::offsets;
    } else {
      refuse("a list stands where none is expected");
    }
    return true;
  }

  bool end_array() override {
    level_ = Level::entry;
    return true;
  }

  bool number_unsigned(std::uint64_t value) override {
    if (level_ == Level::shape) {
      auto& shape = header_.entries.back().shape;
      if (shape.size() == max_rank) refuse(fmt::format("a tensor has more than {} dimensions", max_rank));
      if (value > INT64_MAX) refuse(fmt::format("size {} is too large", value));
      shape.push_back(static_cast<std::int64_t>(value));
    } else if (level_ == Level::offsets && offsets_ < 2) {
      (offsets_++ == 0 ? header_.entries.back().begin : header_.entries.back().end) = value;
    } else {
      refuse(fmt::format("the number {} is not expected there", value));
    }
    return true;
  }

  bool string(std::string& value) override {
    if (level_ == Level::metadata) {
      if (!header_.metadata.emplace(key_, value).second) {
        refuse(fmt::format("the metadata key '{}' comes twice", printable(key_)));
      }
    } else if (level_ == Level::entry && key_ == "dtype" && !has_dtype_) {
      const auto dtype = dtype_of(value);
      if (!dtype) {
        refuse(fmt::format("tensor '{}' has the unknown dtype '{}'", printable(header_.entries.back().name),
                           printable(value)));
      }
      header_.entries.back().dtype = *dtype;
      has_dtype_ = true;
    } else {
      refuse(fmt::format("the text '{}' is not expected there", printable(value)));
    }
    return true;
  }

  bool number_integer(std::int64_t value) override { refuse(fmt::format("the number {} is negative", value)); }
  bool number_float(double, const std::string& text) override {
    refuse(fmt::format("the number {} is no integer", printable(text)));
  }
  bool null() override { refuse("null is not expected"); }
  bool boolean(bool) override { refuse("true and false are not expected"); }
  bool binary(nlohmann::json::binary_t&) override { refuse("binary data is not expected"); }

  bool parse_error(std::size_t position, const std::string&, const nlohmann::json::exception&) override {
    refuse(fmt::format("it is no valid JSON at byte {}", position));
  }

 private:
  enum class Level { outside, header, metadata, entry, shape, offsets };

  [[noreturn]] void refuse(std::string_view why) const {
    fail(ErrorCode::bad_file, file_, "damaged safetensors header: {}", why);
  }

  SafetensorsHeader& header_;
  const std::string& file_;
  Level level_ = Level::outside;
  std::string key_;
  std::set<std::string> names_;
  bool has_dtype_ = false;
  bool has_shape_ = false;
  bool has_offsets_ = false;
  int offsets_ = 0;
};

}  // namespace

SafetensorsHeader parse_safetensors_header(std::string_view json, const std::string& file) {
  SafetensorsHeader header;
  HeaderHandler handler(header, file);
  nlohmann::json::sax_parse(json.begin(), json.end(), &handler);
  return header;
}

}  // namespace kandinsky
