#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "kandinsky/checkpoint.h"

namespace kandinsky {

// Number of dimensions that torch allows.
constexpr std::size_t max_rank = 64;

// Strides of a row-major tensor.
std::vector<std::int64_t> contiguous_strides(std::span<const std::int64_t> shape);

// Where a view lies in its storage, in elements.
struct Extent {
  std::int64_t count = 0;  // elements of the view
  std::int64_t reach = 0;  // elements from its first to one past its last; 0 if it is empty
};

// Checks dimensions and strides: none negative, as many of one as of the other, no product or sum that
// overflows, and a size in bytes that fits 63 bits. Throws Error (bad_file) naming the file and the tensor.
Extent check_extent(std::span<const std::int64_t> shape, std::span<const std::int64_t> strides,
                    std::size_t element_size, std::string_view file, std::string_view tensor);

}  // namespace kandinsky
