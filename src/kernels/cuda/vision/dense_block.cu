#include "kernels/cuda/vision/dense_block.h"

#include <cuda_fp16.h>

#include <algorithm>

#include "kernels/cuda/check.cuh"

namespace kandinsky::cuda {
namespace {

constexpr int threads = 256;
constexpr int each = 8;  // channels of a thread
constexpr float residual_scale = 0.2f, slope = 0.2f;

__device__ void add(float (&sum)[each], const void* data, std::size_t at, float scale) {
  const uint4 bits = __ldg(reinterpret_cast<const uint4*>(static_cast<const __half*>(data) + at));
  const __half2* pairs = reinterpret_cast<const __half2*>(&bits);
#pragma unroll
  for (int i = 0; i < each / 2; ++i) {
    const float2 pair = __half22float2(pairs[i]);
    sum[2 * i] = fmaf(pair.x, scale, sum[2 * i]);
    sum[2 * i + 1] = fmaf(pair.y, scale, sum[2 * i + 1]);
  }
}

__global__ void __launch_bounds__(threads)
    combine_kernel(const __grid_constant__ Combination of, __half* y, std::size_t pixels, int channels) {
  const int groups = channels / each;
  for (std::size_t i = blockIdx.x * std::size_t(threads) + threadIdx.x; i < pixels * groups;
       i += std::size_t(gridDim.x) * threads) {
    const std::size_t pixel = i / groups;
    const int channel = static_cast<int>(i % groups) * each;
    float sum[each];
#pragma unroll
    for (int j = 0; j < each; ++j) sum[j] = __ldg(of.bias + channel + j);
    for (int a = 0; a < of.count; ++a) {
      const Addend& addend = of.addends[a];
      add(sum, addend.data, pixel * addend.pitch + addend.first + channel, 1);
    }
    for (const void* residual : {of.inner, of.outer}) {
      if (residual == nullptr) continue;
#pragma unroll
      for (float& s : sum) s *= residual_scale;
      add(sum, residual, pixel * channels + channel, 1);
    }
    uint4 bits;
    auto* pairs = reinterpret_cast<__half2*>(&bits);
#pragma unroll
    for (int j = 0; j < each / 2; ++j) {
      float low = sum[2 * j], high = sum[2 * j + 1];
      if (of.leaky) {
        low = low < 0 ? low * slope : low;
        high = high < 0 ? high * slope : high;
      }
      pairs[j] = __floats2half2_rn(low, high);
    }
    *reinterpret_cast<uint4*>(y + pixel * channels + channel) = bits;
  }
}

}  // namespace

void combine(const Combination& of, void* y, std::size_t pixels, int channels, void* stream) {
  const std::size_t work = pixels * (channels / each);
  const auto blocks = static_cast<unsigned>(std::min<std::size_t>((work + threads - 1) / threads, 65535));
  combine_kernel<<<blocks, threads, 0, static_cast<cudaStream_t>(stream)>>>(of, static_cast<__half*>(y), pixels,
                                                                            channels);
  check_cuda(cudaGetLastError(), "dense block");
}

}  // namespace kandinsky::cuda
