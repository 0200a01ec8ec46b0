#pragma once
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace kandinsky {

// An unsigned integer from unaligned little-endian bytes.
template <typename T>
T load_little_endian(const std::byte* bytes) {
  static_assert(std::is_unsigned_v<T>);
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    value = static_cast<T>(value | static_cast<T>(std::to_integer<T>(bytes[i]) << (8 * i)));
  }
  return value;
}

}  // namespace kandinsky
