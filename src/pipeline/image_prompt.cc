#include "pipeline/image_prompt.h"

#include "core/fail.h"

namespace kandinsky {
namespace {

// Part of the grid, in tokens.
struct Strip {
  int x, y, width, height;
};

void check_border(const char* name, int value, int grid) {
  if (value < 0 || value > grid)
    fail(ErrorCode::invalid_argument, name, "{} tokens of the image prompt is not from 0 to {}", value, grid);
}

}  // namespace

std::vector<std::int32_t> forced_ids(const ImagePrompt& prompt, const VqganDecoder& vqgan, int grid) {
  // The wavelet variant decodes to twice the size but encodes as the others do.
  const int pixels = vqgan.config().downsampling() / (vqgan.config().wavelet ? 2 : 1);
  const int side = grid * pixels;
  const Image& image = prompt.image;
  if (image.width() != side || image.height() != side)
    fail(ErrorCode::invalid_argument, "image prompt", "is {}x{} pixels, expected {}x{}", image.width(), image.height(),
         side, side);
  check_border("up", prompt.up, grid);
  check_border("down", prompt.down, grid);
  check_border("left", prompt.left, grid);
  check_border("right", prompt.right, grid);

  const Strip strips[] = {{0, grid - prompt.down, grid, prompt.down},
                          {grid - prompt.right, 0, prompt.right, grid},
                          {0, 0, prompt.left, grid},
                          {0, 0, grid, prompt.up}};
  std::vector<std::int32_t> forced(static_cast<std::size_t>(grid) * grid, -1);
  std::vector<std::int32_t> whole;
  for (const auto& [left, top, width, height] : strips) {
    if (width == 0 || height == 0) continue;
    std::vector<std::int32_t> strip;
    if (prompt.crop_first)
      strip = vqgan.encode(image.crop(left * pixels, top * pixels, width * pixels, height * pixels));
    else if (whole.empty())
      whole = vqgan.encode(image);
    for (int y = 0; y < height; ++y) {
      for (int x = 0; x < width; ++x) {
        const int place = (top + y) * grid + left + x;
        forced[place] = prompt.crop_first ? strip[y * width + x] : whole[place];
      }
    }
  }
  return forced;
}

}  // namespace kandinsky
