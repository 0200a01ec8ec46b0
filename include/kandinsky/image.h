#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kandinsky/export.h"

namespace kandinsky {

enum class ImageFormat { png, jpeg };

// "png", or "jpeg" and "jpg". Throws Error (invalid_argument).
KANDINSKY_API ImageFormat image_format(std::string_view name);

// An 8-bit RGB picture: rows from the top, pixels from the left, three bytes each, no padding between rows.
class KANDINSKY_API Image {
 public:
  Image() = default;
  // Black. Throws Error (invalid_argument) unless both are 1..65535.
  Image(int width, int height);
  // Takes width * height * 3 bytes.
  Image(int width, int height, std::vector<std::uint8_t> pixels);

  int width() const noexcept { return width_; }
  int height() const noexcept { return height_; }
  bool empty() const noexcept { return pixels_.empty(); }
  std::span<const std::uint8_t> pixels() const noexcept { return pixels_; }
  std::span<std::uint8_t> pixels() noexcept { return pixels_; }
  const std::uint8_t* row(int y) const noexcept { return pixels_.data() + std::size_t(y) * width_ * 3; }
  std::uint8_t* row(int y) noexcept { return pixels_.data() + std::size_t(y) * width_ * 3; }

  // Reads a PNG or JPEG file or buffer, detected by content. Grey and palette pictures become RGB; alpha is dropped
  // without blending and 16-bit samples keep their high byte, both as Pillow's convert('RGB') does.
  // Throws Error: not_found, io, bad_file (which names the file, or `name`).
  static Image load(const std::filesystem::path& path);
  static Image decode(std::span<const std::byte> bytes, std::string_view name = "<memory>");

  // Bytes of a PNG or JPEG file. `quality` 1..100 matters for JPEG only.
  std::vector<std::byte> encode(ImageFormat format = ImageFormat::png, int quality = 95) const;
  // The format follows the extension: .png, .jpg, .jpeg. The file is written under a temporary name and renamed, so
  // that it is whole or not there. Throws Error: invalid_argument, io.
  void save(const std::filesystem::path& path, int quality = 95) const;

  // Throws Error (invalid_argument) unless the rectangle lies inside.
  Image crop(int x, int y, int width, int height) const;
  // Bilinear with anti-aliasing: identical to Pillow's Image.resize(..., BILINEAR) on 8-bit RGB.
  Image resize(int width, int height) const;

  friend bool operator==(const Image&, const Image&) = default;

 private:
  int width_ = 0;
  int height_ = 0;
  std::vector<std::uint8_t> pixels_;
};

// Lays pictures out in rows of `columns` (0: about square) on white, `gap` pixels apart and around. Cells are as large
// as the largest picture; smaller ones are centred. Throws Error (invalid_argument) if there are none.
KANDINSKY_API Image contact_sheet(std::span<const Image> images, int columns = 0, int gap = 8);

}  // namespace kandinsky
