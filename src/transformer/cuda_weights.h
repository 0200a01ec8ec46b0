#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/cuda/decoder_step.h"
#include "kernels/cuda/device.h"
#include "transformer/transformer_weights.h"

namespace kandinsky {

// Whether the CUDA token loop can run a model on a device: compute capability 9.0 and sizes that its kernels take. The
// LibTorch decoder runs the rest.
bool cuda_kernels_fit(const TransformerConfig& config, int device);

// The transformer's parameters on a CUDA device, in the order its kernels read them. Immutable, shared by decoders.
class CudaWeights {
 public:
  // Uploads CPU tensors, straight from a mapped file. fp16 or bf16.
  CudaWeights(const TransformerWeights& weights, const TransformerConfig& config, Precision precision, int device);
  // Random numbers made on the device, for benchmarks.
  static CudaWeights random(const TransformerConfig& config, Precision precision, int device);

  const TransformerConfig& config() const { return config_; }
  int device() const { return device_; }
  const cuda::Model& model() const { return model_; }
  std::size_t bytes() const;
  // What the weights of a model will take.
  static std::size_t bytes(const TransformerConfig& config);
  // And what the constructor takes besides until it returns.
  static std::size_t loading_bytes(const TransformerWeights& weights, const TransformerConfig& config);

 private:
  CudaWeights(const TransformerConfig& config, Precision precision, int device);
  void* allocate(std::size_t bytes);
  template <typename MakeMatrix, typename MakeFloats>
  void build(const MakeMatrix& make_matrix, const MakeFloats& make_floats);

  TransformerConfig config_;
  int device_;
  cuda::Number number_;
  std::vector<cuda::DeviceMemory> memory_;
  std::size_t used_ = 0;  // of the last piece
  cuda::Model model_{};
};

}  // namespace kandinsky
