#include "kernels/cuda/vision/group_norm.h"

#include <algorithm>

#include "kernels/cuda/check.cuh"

namespace kandinsky::cuda {
namespace {

constexpr int threads = 256;
constexpr int pixels_a_thread = 32;

__host__ __device__ int slices_of(const GroupNormShape& shape) {
  const int pixels = threads / (shape.channels / 4) * pixels_a_thread;
  return (shape.pixels + pixels - 1) / pixels;
}

// Count, mean and sum of squared deviations, and of two sets together (Chan, Golub, LeVeque 1979).
struct Moments {
  float count, mean, squares;
  __device__ void add(const Moments& other) {
    const float total = count + other.count;
    if (total == 0) return;
    const float difference = other.mean - mean;
    mean += difference * (other.count / total);
    squares += other.squares + difference * difference * (count * (other.count / total));
    count = total;
  }
};

__device__ Moments moments_of(float sum, float squares, float shift, float count) {
  if (count == 0) return Moments{};
  const float mean = sum / count;
  return Moments{count, mean + shift, fmaxf(squares - sum * mean, 0.0f)};
}

// A block takes a slice of a picture's pixels; partial [pictures][groups][slices] moments.
__global__ void __launch_bounds__(threads) moments_kernel(const float* x, GroupNormShape shape, Moments* partial) {
  __shared__ Moments shared[threads];
  const int vectors = shape.channels / 4;  // of a pixel: 32 or more
  const int rows = threads / vectors;
  const int slices = slices_of(shape);
  const int slice = blockIdx.x, picture = blockIdx.y;
  const int first = slice * rows * pixels_a_thread;
  const int last = min(first + rows * pixels_a_thread, shape.pixels);
  const auto* from = reinterpret_cast<const float4*>(x) + std::size_t(picture) * shape.pixels * vectors;
  const int each = vectors / norm_groups;  // vectors of a group
  const int column = threadIdx.x % vectors, row = threadIdx.x / vectors;
  if (row < rows) {
    // About the first value, so that a mean far from zero loses nothing.
    const float shift = first + row < last ? from[std::size_t(first + row) * vectors + column].x : 0.0f;
    float sum = 0, squares = 0, count = 0;
    for (int pixel = first + row; pixel < last; pixel += rows) {
      const float4 v = from[std::size_t(pixel) * vectors + column];
      const float d[4] = {v.x - shift, v.y - shift, v.z - shift, v.w - shift};
      sum += (d[0] + d[1]) + (d[2] + d[3]);
      squares += (d[0] * d[0] + d[1] * d[1]) + (d[2] * d[2] + d[3] * d[3]);
      count += 4;
    }
    shared[threadIdx.x] = moments_of(sum, squares, shift, count);
  }
  __syncthreads();
  if (threadIdx.x >= norm_groups) return;
  Moments all{};
  for (int r = 0; r < rows; ++r)
    for (int i = 0; i < each; ++i) all.add(shared[r * vectors + threadIdx.x * each + i]);
  partial[(std::size_t(picture) * norm_groups + threadIdx.x) * slices + slice] = all;
}

// scale and offset [pictures][channels] such that y = x * scale + offset. A block a picture and group.
__global__ void __launch_bounds__(32) factors_kernel(const Moments* partial, GroupNormShape shape, const float* weight,
                                                     const float* bias, float epsilon, float2* factors) {
  const int group = blockIdx.x, picture = blockIdx.y, lane = threadIdx.x;
  const int slices = slices_of(shape);
  const Moments* from = partial + (std::size_t(picture) * norm_groups + group) * slices;
  Moments all{};
  for (int i = lane; i < slices; i += 32) all.add(from[i]);
  for (int offset = 16; offset > 0; offset /= 2) {
    Moments other;
    other.count = __shfl_down_sync(0xFFFFFFFFu, all.count, offset);
    other.mean = __shfl_down_sync(0xFFFFFFFFu, all.mean, offset);
    other.squares = __shfl_down_sync(0xFFFFFFFFu, all.squares, offset);
    all.add(other);
  }
  const float mean = __shfl_sync(0xFFFFFFFFu, all.mean, 0);
  const float variance = __shfl_sync(0xFFFFFFFFu, all.squares / all.count, 0);
  const float inverse = rsqrtf(variance + epsilon);
  const int each = shape.channels / norm_groups;
  for (int i = lane; i < each; i += 32) {
    const int channel = group * each + i;
    const float scale = inverse * weight[channel];
    factors[std::size_t(picture) * shape.channels + channel] = {scale, bias[channel] - mean * scale};
  }
}

template <bool Swish>
__device__ float finished(float x, float2 factor) {
  const float y = fmaf(x, factor.x, factor.y);
  return Swish ? y / (1.0f + __expf(-y)) : y;
}

template <bool Swish>
__global__ void __launch_bounds__(threads)
    apply_kernel(const float4* x, float4* y, GroupNormShape shape, const float4* factors) {
  const int vectors = shape.channels / 4, picture = blockIdx.y;
  const std::size_t count = std::size_t(shape.pixels) * vectors;
  const std::size_t base = picture * count;
  for (std::size_t i = blockIdx.x * std::size_t(threads) + threadIdx.x; i < count;
       i += std::size_t(gridDim.x) * threads) {
    const float4* f = factors + (std::size_t(picture) * vectors + i % vectors) * 2;
    const float4 low = __ldg(f), high = __ldg(f + 1), v = x[base + i];
    y[base + i] = {finished<Swish>(v.x, {low.x, low.y}), finished<Swish>(v.y, {low.z, low.w}),
                   finished<Swish>(v.z, {high.x, high.y}), finished<Swish>(v.w, {high.z, high.w})};
  }
}

std::size_t partial_floats(const GroupNormShape& shape) {
  return (std::size_t(shape.pictures) * norm_groups * slices_of(shape) * 3 + 3) / 4 * 4;
}

}  // namespace

std::size_t group_norm_scratch(const GroupNormShape& shape) {
  return partial_floats(shape) + 2 * std::size_t(shape.pictures) * shape.channels;
}

void group_norm(const float* x, float* y, const GroupNormShape& shape, const float* weight, const float* bias,
                float epsilon, bool swish, float* scratch, void* stream) {
  const auto queue = static_cast<cudaStream_t>(stream);
  auto* partial = reinterpret_cast<Moments*>(scratch);
  auto* factors = reinterpret_cast<float2*>(scratch + partial_floats(shape));
  moments_kernel<<<dim3(slices_of(shape), shape.pictures), threads, 0, queue>>>(x, shape, partial);
  factors_kernel<<<dim3(norm_groups, shape.pictures), 32, 0, queue>>>(partial, shape, weight, bias, epsilon, factors);
  const std::size_t vectors = std::size_t(shape.pixels) * shape.channels / 4;
  const dim3 grid(static_cast<unsigned>(std::min<std::size_t>((vectors + threads * 4 - 1) / (threads * 4), 4096)),
                  shape.pictures);
  const auto* from = reinterpret_cast<const float4*>(x);
  auto* to = reinterpret_cast<float4*>(y);
  const auto* table = reinterpret_cast<const float4*>(factors);
  if (swish)
    apply_kernel<true><<<grid, threads, 0, queue>>>(from, to, shape, table);
  else
    apply_kernel<false><<<grid, threads, 0, queue>>>(from, to, shape, table);
  check_cuda(cudaGetLastError(), "group norm");
}

}  // namespace kandinsky::cuda
