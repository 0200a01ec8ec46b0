#include "realesrgan/tile_work.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

namespace kandinsky::realesrgan {
namespace {

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

// Rows from..to-1 of a tile's answer, [rows][kept_width scale][3] bytes, as far as they lie in the picture.
void write_rows(const std::uint8_t* bytes, const Tile& tile, int scale, std::int64_t from, std::int64_t to,
                Image& image) {
  const std::int64_t left = std::int64_t{tile.kept_x()} * scale, top = std::int64_t{tile.kept_y()} * scale;
  const std::int64_t width = std::int64_t{tile.kept_width()} * scale;
  const std::int64_t first = std::max<std::int64_t>(0, -left);
  const std::int64_t last = std::min<std::int64_t>(width, image.width() - left);
  if (first >= last) return;
  for (std::int64_t y = std::max(from, -top); y < std::min<std::int64_t>(to, image.height() - top); ++y)
    std::memcpy(image.row(static_cast<int>(top + y)) + (left + first) * 3, bytes + ((y - from) * width + first) * 3,
                (last - first) * 3);
}

// An input with the channels that the network takes: as they are, or 2x2 pixels packed for x2 in the order of
// pixel_unshuffle. value(colour, y, x).
template <typename Value>
cpu::FeatureMap network_input(cpu::VisionContext& context, int scale, int height, int width, Value value) {
  const int unit = scale == 2 ? 2 : 1;
  cpu::FeatureMap map(context, 1, height / unit, width / unit, 3 * unit * unit);
  std::fill_n(map.view().data, map.view().picture, 0.0f);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      float* to = map.view().at(0, y / unit, x / unit) + y % unit * unit + x % unit;
      for (int colour = 0; colour < 3; ++colour) to[colour * unit * unit] = value(colour, y, x);
    }
  return map;
}

}  // namespace

void enlarge(const CpuNetwork& network, int scale, cpu::VisionContext& context, const Image& image,
             const TilingOptions& options, const Tile& tile, Image& result) {
  static const auto unit_values = [] {
    std::array<float, 256> values{};
    for (int i = 0; i < 256; ++i) values[i] = static_cast<float>(i / 255.0);
    return values;
  }();
  std::vector<std::uint8_t> bytes(std::size_t(tile.height) * tile.width * 3);
  read_tile(image, options, tile, bytes.data());
  const cpu::FeatureMap x =
      network_input(context, scale, tile.height, tile.width, [&](int colour, int row, int column) {
        return unit_values[bytes[(std::size_t(row) * tile.width + column) * 3 + colour]];
      });
  network(context, x.view(), tile.margins, [&](int first, const cpu::Features& rows) {
    bytes.resize(std::size_t(rows.height) * rows.width * 3);
    std::uint8_t* to = bytes.data();
    for (int row = 0; row < rows.height; ++row)
      for (int column = 0; column < rows.width; ++column)
        for (int colour = 0; colour < 3; ++colour)
          *to++ = static_cast<std::uint8_t>(std::clamp(rows.at(0, row, column)[colour], 0.0f, 1.0f) * 255.0f);
    write_rows(bytes.data(), tile, scale, first, first + rows.height, result);
  });
}

void enlarge(const Network& network, at::Device device, const Image& image, const TilingOptions& options,
             std::span<const Tile> tiles, Image& result) {
  const Tile& shape = tiles.front();
  at::Tensor bytes = at::empty({static_cast<std::int64_t>(tiles.size()), shape.height, shape.width, 3},
                               at::TensorOptions().dtype(at::kByte));
  const std::size_t each = std::size_t(shape.height) * shape.width * 3;
  for (std::size_t i = 0; i < tiles.size(); ++i)
    read_tile(image, options, tiles[i], bytes.mutable_data_ptr<std::uint8_t>() + i * each);
  const at::Tensor pixels = bytes.to(device, at::kFloat).div_(255).permute({0, 3, 1, 2});
  const at::Tensor answer = network(pixels, shape.margins)
                                .to(at::kFloat)
                                .clamp(0, 1)
                                .mul_(255)
                                .to(at::kByte)
                                .permute({0, 2, 3, 1})
                                .contiguous()
                                .cpu();
  const std::size_t size = std::size_t(answer.size(1)) * answer.size(2) * 3;
  for (std::size_t i = 0; i < tiles.size(); ++i)
    write_rows(answer.const_data_ptr<std::uint8_t>() + i * size, tiles[i], network.sizes().scale, 0, answer.size(1),
               result);
}

void forward(const CpuNetwork& network, int scale, cpu::VisionContext& context, const float* pixels, int count,
             int height, int width, float* answer) {
  const std::size_t in = std::size_t(height) * width, out = in * scale * scale;
  for (int n = 0; n < count; ++n) {
    const float* from = pixels + n * 3 * in;
    float* to = answer + n * 3 * out;
    const cpu::FeatureMap x = network_input(context, scale, height, width, [&](int colour, int row, int column) {
      return from[colour * in + std::size_t(row) * width + column];
    });
    network(context, x.view(), {}, [&](int first, const cpu::Features& rows) {
      for (int row = 0; row < rows.height; ++row)
        for (int column = 0; column < rows.width; ++column)
          for (int colour = 0; colour < 3; ++colour)
            to[colour * out + std::size_t(first + row) * rows.width + column] = rows.at(0, row, column)[colour];
    });
  }
}

}  // namespace kandinsky::realesrgan
