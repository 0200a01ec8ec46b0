#pragma once
#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "realesrgan/cuda_dense_block.h"
#include "tensor/conv2d.h"

namespace kandinsky::realesrgan {

struct Sizes {
  int scale = 4;  // 2, 4 or 8
  int blocks = 23;
  int features = 64;
  int growth = 32;

  // Counts the blocks and reads the rest from the shapes. Throws Error (bad_file).
  static Sizes detect(const Weights& weights, const Checkpoint& checkpoint);
};

// Pixels to leave out of the answer, at the input's scale.
struct Margins {
  std::int64_t left = 0, top = 0, right = 0, bottom = 0;
};

// RRDBNet: residual-in-residual dense blocks, then upsampling (Wang et al. 2018 and 2021).
class Network {
 public:
  Network(const Weights& weights, const Sizes& sizes);

  const Sizes& sizes() const { return sizes_; }
  std::int64_t parameter_count() const;

  // In the weights' type: [n, 3, h, w] to [n, 3, (h - top - bottom) scale, (w - left - right) scale]. The margins are
  // context: they are dropped before the upsampling, but for what its convolutions reach.
  at::Tensor operator()(const at::Tensor& x, const Margins& margins = {}) const;

 private:
  struct DenseBlock {
    std::array<Conv2d, 5> convs;
    std::optional<CudaDenseBlock> on_cuda;  // instead, where it fits
    // x + 0.2 f(x), or, with `outer`, outer + 0.2 (x + 0.2 f(x)).
    at::Tensor operator()(const at::Tensor& x, const at::Tensor& outer = {}) const;
  };
  using Block = std::array<DenseBlock, 3>;

  Sizes sizes_;
  Conv2d first_, body_, hr_, last_;
  std::vector<Block> blocks_;
  std::vector<Conv2d> ups_;
};

}  // namespace kandinsky::realesrgan
