#include "vqgan/pictures.h"

#include <ATen/TensorOperators.h>

#include <algorithm>

namespace kandinsky::vqgan {
namespace {

std::uint8_t byte_of(float x) { return static_cast<std::uint8_t>((std::clamp(x, -1.0f, 1.0f) + 1.0f) / 2.0f * 255.0f); }

}  // namespace

std::vector<Image> to_images(const at::Tensor& answer) {
  const at::Tensor bytes =
      answer.clamp(-1, 1).add_(1).div_(2).mul_(255).to(at::kByte).permute({0, 2, 3, 1}).contiguous().cpu();
  const int count = static_cast<int>(bytes.size(0)), height = static_cast<int>(bytes.size(1)),
            width = static_cast<int>(bytes.size(2));
  const std::size_t size = std::size_t(height) * width * 3;
  std::vector<Image> images;
  for (int i = 0; i < count; ++i) {
    const auto* from = bytes.const_data_ptr<std::uint8_t>() + i * size;
    images.emplace_back(width, height, std::vector<std::uint8_t>(from, from + size));
  }
  return images;
}

void append_images(const cpu::Features& answer, bool wavelet, std::vector<Image>& images) {
  const int factor = wavelet ? 2 : 1;
  for (int n = 0; n < answer.pictures; ++n) {
    Image& image = images.emplace_back(answer.width * factor, answer.height * factor);
    for (int y = 0; y < answer.height; ++y)
      for (int x = 0; x < answer.width; ++x) {
        const float* from = answer.at(n, y, x);
        for (int colour = 0; colour < 3; ++colour) {
          if (!wavelet) {
            image.row(y)[x * 3 + colour] = byte_of(from[colour]);
            continue;
          }
          // One inverse step of the Haar wavelet: the bands of a colour are its vertical, horizontal and
          // diagonal details.
          const float low = from[colour], *band = from + 3 + colour * 3;
          std::uint8_t* above = image.row(2 * y) + 2 * x * 3 + colour;
          std::uint8_t* below = image.row(2 * y + 1) + 2 * x * 3 + colour;
          above[0] = byte_of((low + band[0] + band[1] + band[2]) * 0.5f);
          above[3] = byte_of((low + band[0] - band[1] - band[2]) * 0.5f);
          below[0] = byte_of((low - band[0] + band[1] - band[2]) * 0.5f);
          below[3] = byte_of((low - band[0] - band[1] + band[2]) * 0.5f);
        }
      }
  }
}

}  // namespace kandinsky::vqgan
