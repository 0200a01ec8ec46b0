#pragma once
#include <cstddef>
#include <optional>
#include <span>

namespace kandinsky::server {

struct PictureSize {
  int width = 0;
  int height = 0;
};

// What the header of a PNG or JPEG file says; nullopt for anything else.
std::optional<PictureSize> picture_size(std::span<const std::byte> file);

}  // namespace kandinsky::server
