#include "picture_size.h"

#include <cstdint>

#include "image/codec.h"

namespace kandinsky::server {
namespace {

std::uint32_t big_endian(std::span<const std::byte> bytes) {
  std::uint32_t value = 0;
  for (const std::byte byte : bytes) value = value << 8 | std::to_integer<std::uint32_t>(byte);
  return value;
}

// Width and height lie in the frame header, after any number of other segments.
std::optional<PictureSize> jpeg_size(std::span<const std::byte> file) {
  std::size_t at = 2;
  while (at + 9 <= file.size()) {
    if (file[at] != std::byte{0xFF}) return std::nullopt;
    const auto marker = std::to_integer<unsigned>(file[at + 1]);
    if (marker == 0xFF) {  // padding
      ++at;
      continue;
    }
    const bool frame = marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
    if (frame)
      return PictureSize{static_cast<int>(big_endian(file.subspan(at + 7, 2))),
                         static_cast<int>(big_endian(file.subspan(at + 5, 2)))};
    if (marker == 0xD9 || marker == 0xDA) return std::nullopt;
    const bool bare = marker == 0x01 || (marker >= 0xD0 && marker <= 0xD8);
    at += 2 + (bare ? 0 : big_endian(file.subspan(at + 2, 2)));
  }
  return std::nullopt;
}

}  // namespace

std::optional<PictureSize> picture_size(std::span<const std::byte> file) {
  if (is_png(file) && file.size() >= 24) {
    const std::uint32_t width = big_endian(file.subspan(16, 4)), height = big_endian(file.subspan(20, 4));
    if (width == 0 || height == 0 || width > 0x7FFFFFFF || height > 0x7FFFFFFF) return std::nullopt;
    return PictureSize{static_cast<int>(width), static_cast<int>(height)};
  }
  if (is_jpeg(file)) return jpeg_size(file);
  return std::nullopt;
}

}  // namespace kandinsky::server
