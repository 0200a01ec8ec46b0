#include <algorithm>

#include "kernels/cuda/check.cuh"
#include "kernels/cuda/device_math.cuh"

namespace kandinsky::cuda {
namespace {

template <typename From, typename To>
__global__ void pack_kernel(const From* plain, To* packed, int outputs, int inputs, int chunks, std::size_t count) {
  for (std::size_t i = blockIdx.x * std::size_t(blockDim.x) + threadIdx.x; i < count;
       i += std::size_t(gridDim.x) * blockDim.x) {
    const int input = static_cast<int>(i % (std::size_t(chunks) * k_chunk));
    const int output = static_cast<int>(i / (std::size_t(chunks) * k_chunk));
    const bool inside = output < outputs && input < inputs;
    packed[weight_offset(output, input, chunks)] =
        inside ? narrow<To>(widen(plain[std::size_t(output) * inputs + input])) : narrow<To>(0.0f);
  }
}

template <typename From>
__global__ void widen_kernel(const From* plain, float* to, std::size_t count) {
  for (std::size_t i = blockIdx.x * std::size_t(blockDim.x) + threadIdx.x; i < count;
       i += std::size_t(gridDim.x) * blockDim.x)
    to[i] = widen(plain[i]);
}

template <typename From, typename To>
void pack(const void* plain, void* packed, int outputs, int inputs, cudaStream_t stream) {
  const int chunks = round_up(inputs, k_chunk) / k_chunk;
  const std::size_t count = std::size_t(round_up(outputs, row_tile)) * chunks * k_chunk;
  pack_kernel<From, To><<<1056, 256, 0, stream>>>(static_cast<const From*>(plain), static_cast<To*>(packed), outputs,
                                                  inputs, chunks, count);
}

}  // namespace

void widen_numbers(Number from, const void* plain, float* to, std::size_t count, void* stream) {
  const auto queue = static_cast<cudaStream_t>(stream);
  const auto blocks = static_cast<unsigned>(std::min<std::size_t>((count + 255) / 256, 1056));
  if (count == 0) return;
  if (from == Number::fp16)
    widen_kernel<<<blocks, 256, 0, queue>>>(static_cast<const __half*>(plain), to, count);
  else if (from == Number::bf16)
    widen_kernel<<<blocks, 256, 0, queue>>>(static_cast<const __nv_bfloat16*>(plain), to, count);
  else
    widen_kernel<<<blocks, 256, 0, queue>>>(static_cast<const float*>(plain), to, count);
  check_cuda(cudaGetLastError(), "weights");
}

void pack_matrix(Number from, const void* plain, Number to, void* packed, int outputs, int inputs, void* stream) {
  const auto queue = static_cast<cudaStream_t>(stream);
  if (from == Number::fp32) {
    if (to == Number::fp16)
      pack<float, __half>(plain, packed, outputs, inputs, queue);
    else
      pack<float, __nv_bfloat16>(plain, packed, outputs, inputs, queue);
  } else if (from == Number::fp16) {
    if (to == Number::fp16)
      pack<__half, __half>(plain, packed, outputs, inputs, queue);
    else
      pack<__half, __nv_bfloat16>(plain, packed, outputs, inputs, queue);
  } else {
    if (to == Number::fp16)
      pack<__nv_bfloat16, __half>(plain, packed, outputs, inputs, queue);
    else
      pack<__nv_bfloat16, __nv_bfloat16>(plain, packed, outputs, inputs, queue);
  }
  check_cuda(cudaGetLastError(), "packing weights");
}

}  // namespace kandinsky::cuda
