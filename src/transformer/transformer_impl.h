#pragma once
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "kandinsky/transformer.h"
#include "transformer/decoder.h"
#include "transformer/network.h"

namespace kandinsky {

struct CpuWeights;
class CudaWeights;

// A loaded transformer: the weights of the token loop that suits its device, and the file, from which the
// teacher-forced network is made when it is first asked for.
struct __attribute__((visibility("hidden"))) Transformer::Impl {
  Checkpoint file;
  TransformerConfig config;
  at::Device device;
  std::string device_name;
  Precision precision;
  int threads;
  std::shared_ptr<const CpuWeights> cpu;    // CPU kernels
  std::shared_ptr<const CudaWeights> cuda;  // CUDA kernels
  mutable std::once_flag network_made;
  mutable std::shared_ptr<const Network> made_network;

  Impl(Checkpoint checkpoint, const TransformerConfig& sizes, const TransformerOptions& options);

  const std::shared_ptr<const Network>& network() const;
  // A token loop for up to `images` images, with fewer slots where memory is short.
  std::unique_ptr<Decoder> make_decoder(int images) const;
};

}  // namespace kandinsky
