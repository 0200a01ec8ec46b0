#include "realesrgan/cuda_dense_block.h"

#include <ATen/ops/_convolution.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <algorithm>
#include <vector>

#include "kernels/cuda/vision/dense_block.h"

namespace kandinsky::realesrgan {

bool CudaDenseBlock::fits(std::span<const Conv2d> convs) {
  return std::all_of(convs.begin(), convs.end(), [](const Conv2d& conv) {
    return conv.weight().is_cuda() && conv.scalar_type() == at::kHalf && conv.in() % 8 == 0 && conv.out() % 8 == 0;
  });
}

CudaDenseBlock::CudaDenseBlock(std::span<const Conv2d> convs)
    : features_(static_cast<int>(convs[0].in())), growth_(static_cast<int>(convs[0].out())) {
  for (int part = 0; part < 5; ++part) {
    const int first = part == 0 ? 0 : features_ + (part - 1) * growth_;
    const int last = features_ + part * growth_;
    std::vector<at::Tensor> fed;
    for (int conv = part; conv < 5; ++conv) fed.push_back(convs[conv].weight().slice(1, first, last));
    weights_[part] = at::cat(fed, 0).contiguous(at::MemoryFormat::ChannelsLast);
    biases_[part] = convs[part].bias().to(at::kFloat);
  }
}

at::Tensor CudaDenseBlock::operator()(const at::Tensor& x, const at::Tensor& outer) const {
  const c10::Stream stream = c10::impl::VirtualGuardImpl(c10::DeviceType::CUDA).getStream(x.device());
  const auto convolved = [](const at::Tensor& part, const at::Tensor& weight) {
    return at::_convolution(part, weight, {}, {1, 1}, {1, 1}, {1, 1}, /*transposed=*/false, {0, 0}, /*groups=*/1,
                            /*benchmark=*/false, /*deterministic=*/true, /*cudnn_enabled=*/true, /*allow_tf32=*/true)
        .contiguous(at::MemoryFormat::ChannelsLast);
  };
  const std::size_t pixels = std::size_t(x.size(0)) * x.size(2) * x.size(3);
  std::array<at::Tensor, 5> products;
  at::Tensor part = x;
  for (int conv = 0; conv < 5; ++conv) {
    products[conv] = convolved(part, weights_[conv]);
    const bool last = conv == 4;
    const int channels = last ? features_ : growth_;
    cuda::Combination sum{};
    for (int j = 0; j <= conv; ++j)
      sum.addends[j] = {products[j].const_data_ptr(), static_cast<int>(products[j].size(1)), (conv - j) * growth_};
    sum.count = conv + 1;
    sum.bias = biases_[conv].const_data_ptr<float>();
    sum.leaky = !last;
    if (last) {
      sum.inner = x.const_data_ptr();
      if (outer.defined()) sum.outer = outer.const_data_ptr();
    }
    part = at::empty({x.size(0), channels, x.size(2), x.size(3)},
                     x.options().memory_format(at::MemoryFormat::ChannelsLast));
    cuda::combine(sum, part.mutable_data_ptr(), pixels, channels, stream.native_handle());
  }
  return part;
}

}  // namespace kandinsky::realesrgan
