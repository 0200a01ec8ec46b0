#pragma once
#include <ATen/core/Tensor.h>

#include <array>
#include <span>

#include "tensor/conv2d.h"

namespace kandinsky::realesrgan {

// A residual dense block on a GPU in half precision. The reference joins the input and all outputs so far before each
// of its five convolutions. A convolution of joined channels is the sum of the parts' convolutions, so here each part
// goes once through all the convolutions that it feeds, as one with many outputs: nothing is joined, and the tensor
// cores have 64 to 192 outputs at a time instead of 32.
class CudaDenseBlock {
 public:
  // Whether convs, five of them, can be taken: half precision on a GPU, in a build with CUDA, channels in eights.
  static bool fits(std::span<const Conv2d> convs);
  explicit CudaDenseBlock(std::span<const Conv2d> convs);

  // x + 0.2 f(x), or, with `outer`, outer + 0.2 (x + 0.2 f(x)).
  at::Tensor operator()(const at::Tensor& x, const at::Tensor& outer = {}) const;

 private:
  int features_, growth_;
  std::array<at::Tensor, 5> weights_;  // of part j: [growth (4 - j) + features, features or growth, 3, 3]
  std::array<at::Tensor, 5> biases_;   // of convolution j, fp32
};

}  // namespace kandinsky::realesrgan
