#pragma once
#include <ATen/core/Tensor.h>

#include <span>

#include "kandinsky/image.h"
#include "kandinsky/ruclip.h"

namespace kandinsky::ruclip {

// The reference's crop: a square of side round(sqrt(width height)) if it fits, else the largest one; from the middle,
// where the reference may draw the place of the former at random. Then resized.
Image prepare(const Image& image, int resolution);

// Prepared and normalised: [n, 3, resolution, resolution]. Pictures are prepared by up to `threads` threads.
at::Tensor to_pixels(std::span<const Image> images, const RuClipConfig& config, at::Device device, int threads);

}  // namespace kandinsky::ruclip
