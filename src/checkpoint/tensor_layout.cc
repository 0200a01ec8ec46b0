#include "checkpoint/tensor_layout.h"

#include <algorithm>

#include "checkpoint/printable.h"
#include "core/fail.h"

namespace kandinsky {

std::vector<std::int64_t> contiguous_strides(std::span<const std::int64_t> shape) {
  std::vector<std::int64_t> strides(shape.size(), 1);
  for (std::size_t d = shape.size(); d-- > 1;) strides[d - 1] = strides[d] * std::max<std::int64_t>(shape[d], 1);
  return strides;
}

Extent check_extent(std::span<const std::int64_t> shape, std::span<const std::int64_t> strides,
                    std::size_t element_size, std::string_view file, std::string_view tensor) {
  const auto refuse = [&](std::string_view message) {
    fail(ErrorCode::bad_file, std::string(file), "tensor '{}' {}", printable(tensor), message);
  };
  if (shape.size() > max_rank) refuse(fmt::format("has {} dimensions, at most {} expected", shape.size(), max_rank));
  if (shape.size() != strides.size()) {
    refuse(fmt::format("has {} sizes and {} strides", shape.size(), strides.size()));
  }
  Extent extent{1, 1};
  bool overflow = false;
  const bool empty = std::find(shape.begin(), shape.end(), 0) != shape.end();
  std::int64_t product = 1;  // of the dimensions that are not 0: strides are made of it
  for (std::size_t d = 0; d < shape.size(); ++d) {
    if (shape[d] < 0) refuse(fmt::format("has a negative size, {}", shape[d]));
    if (strides[d] < 0) refuse(fmt::format("has a negative stride, {}", strides[d]));
    std::int64_t step = 0;
    overflow |= __builtin_mul_overflow(product, std::max<std::int64_t>(shape[d], 1), &product);
    if (!empty) {
      overflow |= __builtin_mul_overflow(shape[d] - 1, strides[d], &step);
      overflow |= __builtin_add_overflow(extent.reach, step, &extent.reach);
    }
  }
  std::int64_t bytes = 0;
  overflow |= __builtin_mul_overflow(product, static_cast<std::int64_t>(element_size), &bytes);
  if (overflow) refuse("is too large: its size overflows 63 bits");
  extent.count = empty ? 0 : product;
  if (empty) extent.reach = 0;
  return extent;
}

}  // namespace kandinsky
