#include "kandinsky/real_esrgan.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/fail.h"
#include "realesrgan/network.h"
#include "realesrgan/tiling.h"
#include "tensor/compute_device.h"
#include "tensor/torch_error.h"

namespace kandinsky {
namespace {

using realesrgan::Border;
using realesrgan::Tile;

// What the network sees of a tile: [height, width, 3] bytes.
void read_tile(const Image& image, const TilingOptions& options, const Tile& tile, std::uint8_t* to) {
  const Border across(image.width(), options), down(image.height(), options);
  std::vector<int> columns(tile.width);
  for (int x = 0; x < tile.width; ++x) columns[x] = across.source(tile.x + x) * 3;
  for (int y = 0; y < tile.height; ++y) {
    const std::uint8_t* row = image.row(down.source(tile.y + y));
    for (int x = 0; x < tile.width; ++x, to += 3) std::memcpy(to, row + columns[x], 3);
  }
}

// The part of a tile's answer that lies in the picture; from: [kept_height scale, kept_width scale, 3] bytes.
void write_tile(const std::uint8_t* from, const Tile& tile, int scale, Image& image) {
  const std::int64_t left = std::int64_t{tile.kept_x()} * scale, top = std::int64_t{tile.kept_y()} * scale;
  const std::int64_t width = std::int64_t{tile.kept_width()} * scale, height = std::int64_t{tile.kept_height()} * scale;
  const std::int64_t first = std::max<std::int64_t>(0, -left), last = std::min<std::int64_t>(width, image.width() - left);
  for (std::int64_t y = std::max<std::int64_t>(0, -top); y < std::min<std::int64_t>(height, image.height() - top); ++y)
    if (first < last)
      std::memcpy(image.row(static_cast<int>(top + y)) + (left + first) * 3, from + (y * width + first) * 3, (last - first) * 3);
}

}  // namespace

struct RealEsrgan::Impl {
  realesrgan::Network network;
  at::Device device;
  int threads;
};

RealEsrgan::RealEsrgan(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

RealEsrgan RealEsrgan::load(const std::filesystem::path& path, const ComputeOptions& options) {
  return load(Checkpoint::open(path), options);
}

RealEsrgan RealEsrgan::load(const Checkpoint& checkpoint, const ComputeOptions& options) {
  return guarded("loading Real-ESRGAN", [&] {
    const at::Device device = resolve_device(options.device);
    const int threads = resolve_threads(options.threads);
    const ThreadScope scope(threads);
    const at::InferenceMode inference;
    const Checkpoint file = checkpoint.state_dict();
    const Weights weights(file, device);
    const auto sizes = realesrgan::Sizes::detect(weights, file);
    return RealEsrgan(std::make_shared<const Impl>(Impl{realesrgan::Network(weights, sizes), device, threads}));
  });
}

int RealEsrgan::scale() const noexcept { return impl_->network.sizes().scale; }
int RealEsrgan::blocks() const noexcept { return impl_->network.sizes().blocks; }
std::int64_t RealEsrgan::parameter_count() const noexcept { return impl_->network.parameter_count(); }

Image RealEsrgan::upscale(const Image& image, const TilingOptions& options, const ProgressCallback& progress) const {
  realesrgan::check(options, scale());
  if (image.empty()) throw Error(ErrorCode::invalid_argument, "image", "there are no pixels");
  if (image.width() > 65535 / scale() || image.height() > 65535 / scale())
    fail(ErrorCode::invalid_argument, "image", "{} x {} pixels are too many to enlarge {} times", image.width(), image.height(), scale());
  return guarded("enlarging", [&] {
    const ThreadScope scope(impl_->threads);
    const at::InferenceMode inference;
    Image result(image.width() * scale(), image.height() * scale());
    const std::vector<Tile> work = realesrgan::tiles(image.width(), image.height(), options, scale() == 2 ? 2 : 1);
    for (std::size_t first = 0; first < work.size();) {
      // Tiles of one size go through together.
      std::size_t last = first;
      const Tile& shape = work[first];
      const auto alike = [&](const Tile& tile) {
        return tile.width == shape.width && tile.height == shape.height && tile.margins.left == shape.margins.left &&
               tile.margins.top == shape.margins.top && tile.margins.right == shape.margins.right &&
               tile.margins.bottom == shape.margins.bottom;
      };
      while (last < work.size() && last - first < static_cast<std::size_t>(options.batch) && alike(work[last])) ++last;
      const auto count = static_cast<std::int64_t>(last - first);
      at::Tensor bytes = at::empty({count, shape.height, shape.width, 3}, at::TensorOptions().dtype(at::kByte));
      const std::size_t each = std::size_t(shape.height) * shape.width * 3;
      for (std::size_t i = first; i < last; ++i)
        read_tile(image, options, work[i], bytes.mutable_data_ptr<std::uint8_t>() + (i - first) * each);
      const at::Tensor pixels = bytes.to(impl_->device, at::kFloat).div_(255).permute({0, 3, 1, 2});
      const at::Tensor answer = impl_->network(pixels, shape.margins).clamp(0, 1).mul_(255).to(at::kByte)
                                    .permute({0, 2, 3, 1}).contiguous().cpu();
      const std::size_t size = std::size_t(answer.size(1)) * answer.size(2) * 3;
      for (std::size_t i = first; i < last; ++i)
        write_tile(answer.const_data_ptr<std::uint8_t>() + (i - first) * size, work[i], scale(), result);
      first = last;
      if (progress && !progress({Stage::enlarging, static_cast<int>(first), static_cast<int>(work.size()), 1}))
        throw Error(ErrorCode::cancelled, "", "cancelled while enlarging");
    }
    return result;
  });
}

std::vector<float> RealEsrgan::forward(std::span<const float> pixels, int count, int height, int width) const {
  const int unit = scale() == 2 ? 2 : 1;
  if (count < 1 || height < 1 || width < 1 || height % unit != 0 || width % unit != 0 || height > 65535 || width > 65535 ||
      pixels.size() != std::size_t(count) * 3 * height * width)
    fail(ErrorCode::invalid_argument, "pixels", "{} floats, expected {} x 3 x {} x {}{}", pixels.size(), count, height, width,
         unit == 2 ? ", with even height and width" : "");
  return guarded("enlarging", [&] {
    const ThreadScope scope(impl_->threads);
    const at::InferenceMode inference;
    const at::Tensor x = at::from_blob(const_cast<float*>(pixels.data()), {count, 3, height, width},
                                       at::TensorOptions().dtype(at::kFloat)).to(impl_->device);
    const at::Tensor y = impl_->network(x).contiguous(at::MemoryFormat::Contiguous).cpu();
    return std::vector<float>(y.const_data_ptr<float>(), y.const_data_ptr<float>() + y.numel());
  });
}

}  // namespace kandinsky
