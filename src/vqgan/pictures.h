#pragma once
#include <ATen/core/Tensor.h>

#include <vector>

#include "kandinsky/image.h"
#include "kernels/cpu/vision_kernels.h"

// A decoder's answer, in [-1, 1] or a little beyond, to pictures: (x + 1) / 2, truncated to 8 bits as
// to_pil_image does.
namespace kandinsky::vqgan {

// [n, 3, h, w] on any device.
std::vector<Image> to_images(const at::Tensor& answer);

// 3 channels, or 12 of the wavelet variant.
void append_images(const cpu::Features& answer, bool wavelet, std::vector<Image>& images);

}  // namespace kandinsky::vqgan
