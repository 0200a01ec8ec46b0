#include "kandinsky/dtype.h"

#include <array>

namespace kandinsky {
namespace {

struct Entry {
  std::string_view name;
  std::size_t size;
};

constexpr std::array<Entry, 18> entries = {{
    {"float64", 8},
    {"float32", 4},
    {"float16", 2},
    {"bfloat16", 2},
    {"complex32", 4},
    {"complex64", 8},
    {"complex128", 16},
    {"int64", 8},
    {"int32", 4},
    {"int16", 2},
    {"int8", 1},
    {"uint8", 1},
    {"uint16", 2},
    {"uint32", 4},
    {"uint64", 8},
    {"bool", 1},
    {"float8_e4m3fn", 1},
    {"float8_e5m2", 1},
}};

}  // namespace

std::size_t element_size(DType dtype) noexcept { return entries[static_cast<std::size_t>(dtype)].size; }

std::string_view dtype_name(DType dtype) noexcept { return entries[static_cast<std::size_t>(dtype)].name; }

}  // namespace kandinsky
