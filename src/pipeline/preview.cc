#include "pipeline/preview.h"

#include <algorithm>

namespace kandinsky {

Image preview(const VqganDecoder& vqgan, std::span<const std::int32_t> tokens, int grid) {
  constexpr std::uint8_t grey = 128;
  const int side = grid * vqgan.config().downsampling();
  Image image(side, side);
  std::ranges::fill(image.pixels(), grey);
  const int rows = std::min(grid, static_cast<int>(tokens.size()) / grid);
  if (rows == 0) return image;
  const std::vector<Image> top = vqgan.decode(tokens.first(std::size_t(rows) * grid), rows, grid);
  std::ranges::copy(top.at(0).pixels(), image.pixels().begin());
  return image;
}

}  // namespace kandinsky
