#include "ruclip/prepare.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "kandinsky/error.h"
#include "kernels/cpu/thread_team.h"

namespace kandinsky::ruclip {

Image prepare(const Image& image, int resolution) {
  if (image.empty()) throw Error(ErrorCode::invalid_argument, "image", "there are no pixels");
  const int width = image.width(), height = image.height();
  const int side = std::min({static_cast<int>(std::nearbyint(std::sqrt(double(width) * height))), width, height});
  return image.crop((width - side) / 2, (height - side) / 2, side, side).resize(resolution, resolution);
}

at::Tensor to_pixels(std::span<const Image> images, const RuClipConfig& config, at::Device device, int threads) {
  const int count = static_cast<int>(images.size()), side = config.image_resolution;
  at::Tensor bytes = at::empty({count, side, side, 3}, at::TensorOptions().dtype(at::kByte));
  auto* to = bytes.mutable_data_ptr<std::uint8_t>();
  const std::size_t each = std::size_t(3) * side * side;
  cpu::ThreadTeam team(std::max(1, std::min(threads, count)));
  team.run([&](int thread) {
    const auto [first, last] = team.share(thread, count);
    for (int i = first; i < last; ++i) {
      const Image prepared = prepare(images[i], side);
      std::memcpy(to + i * each, prepared.pixels().data(), each);
    }
  });
  const at::Tensor mean = at::tensor(at::ArrayRef<float>(config.mean)).to(device);
  const at::Tensor std = at::tensor(at::ArrayRef<float>(config.std)).to(device);
  return bytes.to(device, at::kFloat).div_(255).sub_(mean).div_(std).permute({0, 3, 1, 2});
}

}  // namespace kandinsky::ruclip
