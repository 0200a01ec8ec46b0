#pragma once
#include <ATen/core/Tensor.h>

#include <span>

#include "realesrgan/cpu_network.h"
#include "realesrgan/tiling.h"

// Tiles of a picture through a network, straight into the result.
namespace kandinsky::realesrgan {

void enlarge(const CpuNetwork& network, int scale, cpu::VisionContext& context, const Image& image,
             const TilingOptions& options, const Tile& tile, Image& result);

// Tiles of one shape.
void enlarge(const Network& network, at::Device device, const Image& image, const TilingOptions& options,
             std::span<const Tile> tiles, Image& result);

// The bare network: [n, 3, h, w] floats to [n, 3, scale h, scale w].
void forward(const CpuNetwork& network, int scale, cpu::VisionContext& context, const float* pixels, int count,
             int height, int width, float* answer);

}  // namespace kandinsky::realesrgan
