#pragma once
#include <array>
#include <functional>
#include <vector>

#include "kernels/cpu/vision_layers.h"
#include "realesrgan/network.h"

namespace kandinsky::realesrgan {

// RRDBNet on our own kernels, for processors that have them. Same weights, same formulas as Network.
class CpuNetwork {
 public:
  CpuNetwork(const Weights& weights, const Sizes& sizes);

  int input_channels() const { return sizes_.scale == 2 ? 12 : 3; }

  // One picture, already unshuffled for x2, whose margins (in pixels of the input) are context that is left
  // out of the answer. `sink` gets the answer from top to bottom, some rows at a time, and the number of the
  // first of them.
  void operator()(cpu::VisionContext& context, const cpu::Features& x, const Margins& margins,
                  const std::function<void(int first_row, const cpu::Features& rows)>& sink) const;

 private:
  struct DenseBlock {
    std::array<cpu::Convolution3x3, 5> convs;
    // y = x + 0.2 conv5, then add + 0.2 of that if there is an `add`; `grown` takes the four convolutions'
    // outputs.
    void operator()(cpu::VisionContext& context, const cpu::Features& x, const cpu::Features& grown,
                    const cpu::Features& y, const cpu::Features* add = nullptr) const;
  };

  // Low-resolution features with margins cut off, [1][h][w][features].
  void enlarge(cpu::VisionContext& context, const cpu::Features& h, const Margins& rest,
               const std::function<void(int first_row, const cpu::Features& rows)>& sink) const;

  Sizes sizes_;
  cpu::Convolution3x3 first_, body_, hr_, last_;
  std::vector<std::array<DenseBlock, 3>> blocks_;
  std::vector<cpu::Convolution3x3> ups_;
};

}  // namespace kandinsky::realesrgan
