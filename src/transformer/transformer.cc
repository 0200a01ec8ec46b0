#include "kandinsky/transformer.h"

#include <algorithm>
#include <utility>

#include "core/fail.h"
#include "tensor/compute_device.h"
#include "tensor/torch_error.h"
#include "transformer/config.h"
#include "transformer/cpu_decoder.h"
#include "transformer/draw.h"
#include "transformer/losses.h"
#include "transformer/torch_decoder.h"
#include "transformer/transformer_impl.h"
#if defined(KANDINSKY_CUDA)
#include "transformer/cuda_decoder.h"
#endif

namespace kandinsky {
namespace {

at::ScalarType scalar_type(Precision precision) {
  switch (precision) {
    case Precision::bf16:
      return at::kBFloat16;
    case Precision::fp16:
      return at::kHalf;
    default:
      return at::kFloat;
  }
}

Precision choose(Precision asked, const at::Device& device) {
  if (asked != Precision::automatic) return asked;
  return device.is_cpu() ? Precision::fp32 : Precision::fp16;
}

}  // namespace

Transformer::Impl::Impl(Checkpoint checkpoint, const TransformerConfig& sizes, const TransformerOptions& options)
    : file(std::move(checkpoint)),
      config(sizes),
      device(resolve_device(options.device)),
      device_name(kandinsky::device_name(device)),
      precision(choose(options.precision, device)),
      threads(resolve_threads(options.threads)) {
  const ThreadScope scope(threads);
  if (device.is_cpu() && cpu_kernels_fit(config)) {
    cpu = std::make_shared<CpuWeights>(TransformerWeights::load(Weights::mapped(file), config), config, precision);
    return;
  }
#if defined(KANDINSKY_CUDA)
  if (device.is_cuda() && precision != Precision::fp32 && cuda_kernels_fit(config, device.index())) {
    const TransformerWeights weights = TransformerWeights::load(Weights::mapped(file), config);
    const std::size_t needed = CudaWeights::bytes(config) + CudaWeights::loading_bytes(weights, config);
    const std::size_t free = cuda::device_properties(device.index()).memory_free;
    if (needed > free)
      fail(ErrorCode::out_of_memory, device_name, "loading the transformer takes {:.1f} GB and {:.1f} GB are free",
           needed / 1e9, free / 1e9);
    cuda = std::make_shared<CudaWeights>(weights, config, precision, device.index());
    return;
  }
#endif
  network();
}

const std::shared_ptr<const Network>& Transformer::Impl::network() const {
  std::call_once(network_made, [this] {
    // Half precision on the CPU is the token loop's: whole sequences run in fp32 there.
    const at::ScalarType type = device.is_cpu() ? at::kFloat : scalar_type(precision);
    made_network = std::make_shared<Network>(TransformerWeights::load(Weights(file, device, type), config), config);
  });
  return made_network;
}

std::unique_ptr<Decoder> Transformer::Impl::make_decoder(int images) const {
  if (cpu) return std::make_unique<CpuDecoder>(cpu, images, threads);
#if defined(KANDINSKY_CUDA)
  if (cuda) {
    int slots = std::min(images, CudaDecoder::most_slots);
    const std::size_t free = cuda::device_properties(cuda->device()).memory_free;
    const std::size_t prompt = CudaDecoder::prompt_bytes(config);
    while (slots > 1 && CudaDecoder::cache_bytes(config, slots) + prompt > free) --slots;
    const std::size_t needed = CudaDecoder::cache_bytes(config, slots) + prompt;
    if (needed > free)
      fail(ErrorCode::out_of_memory, device_name, "one image takes {:.2f} GB of caches and {:.2f} GB are free",
           needed / 1e9, free / 1e9);
    return std::make_unique<CudaDecoder>(cuda, slots);
  }
#endif
  return std::make_unique<TorchDecoder>(network(), images);
}

Transformer::Transformer(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

Transformer Transformer::load(const std::filesystem::path& path, const TransformerOptions& options) {
  return load(Checkpoint::open(path), options);
}

Transformer Transformer::load(const Checkpoint& checkpoint, const TransformerOptions& options) {
  return guarded("loading the transformer", [&] {
    const Checkpoint file = checkpoint.state_dict();
    const TransformerConfig config = options.config ? *options.config : TransformerConfig::detect(file);
    if (options.config) kandinsky::check(config, ErrorCode::invalid_argument, "config");
    return Transformer(std::make_shared<const Impl>(file, config, options));
  });
}

const TransformerConfig& Transformer::config() const noexcept { return impl_->config; }
std::int64_t Transformer::parameter_count() const noexcept { return impl_->config.parameter_count(); }
const std::string& Transformer::device() const noexcept { return impl_->device_name; }
Precision Transformer::precision() const noexcept { return impl_->precision; }

std::vector<DrawnTokens> Transformer::draw(std::span<const std::int32_t> text, const DrawOptions& options) const {
  kandinsky::check(options, impl_->config);
  check_text(text, impl_->config);
  return guarded("drawing", [&] {
    const ThreadScope scope(impl_->threads);
    const std::unique_ptr<Decoder> decoder = impl_->make_decoder(std::min(options.batch, options.images));
    return kandinsky::draw(*decoder, impl_->config, text, options);
  });
}

std::unique_ptr<Decoder> make_decoder(const Transformer& transformer, int slots) {
  return guarded("making the token loop", [&] {
    const ThreadScope scope(transformer.impl_->threads);
    return transformer.impl_->make_decoder(slots);
  });
}

std::vector<float> Transformer::logits(std::span<const std::int32_t> text, std::span<const std::int32_t> image) const {
  return guarded("computing logits", [&] {
    const ThreadScope scope(impl_->threads);
    return kandinsky::logits(*impl_->network(), text, image);
  });
}

Losses Transformer::losses(std::span<const std::int32_t> texts, std::span<const std::int32_t> images) const {
  return guarded("computing losses", [&] {
    const ThreadScope scope(impl_->threads);
    return kandinsky::losses(*impl_->network(), texts, images);
  });
}

double Transformer::ppl(std::span<const std::int32_t> text, std::span<const std::int32_t> image) const {
  return guarded("computing the perplexity", [&] {
    const ThreadScope scope(impl_->threads);
    return perplexity(*impl_->network(), text, image);
  });
}

}  // namespace kandinsky
