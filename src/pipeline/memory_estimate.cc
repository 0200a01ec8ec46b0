#include "pipeline/memory_estimate.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "core/fail.h"
#include "tensor/compute_device.h"
#include "transformer/cpu_decoder.h"
#if defined(KANDINSKY_CUDA)
#include "transformer/cuda_decoder.h"
#endif

namespace kandinsky {
namespace {

constexpr int most_batch = 4096;

bool is_real(DType dtype) {
  return dtype == DType::float64 || dtype == DType::float32 || dtype == DType::float16 || dtype == DType::bfloat16;
}

// The rest of the program needs memory too.
std::uint64_t usable(std::uint64_t free) { return free - free / 8; }

std::uint64_t free_memory(const std::string& device) {
  if (device == "cpu") return cpu_info().memory_free;
  for (const DeviceInfo& info : devices())
    if (info.name == device) return info.memory_free;
  return 0;
}

MemoryEstimate::Part transformer_part(const Checkpoint& checkpoint, const TransformerConfig& config,
                                      Precision precision, bool on_cpu) {
  MemoryEstimate::Part part{"transformer", config.parameter_count(), 0};
  const bool halves =
      precision == Precision::bf16 || precision == Precision::fp16 || (precision == Precision::automatic && !on_cpu);
  for (const TensorInfo& tensor : checkpoint.tensors()) {
    // Masks are made anew; so are the positions' indices that some checkpoints hold.
    if (!is_real(tensor.dtype) || tensor.name.find("mask") != std::string::npos) continue;
    const bool is_matrix = tensor.shape.size() == 2 && tensor.name.find("embeddings") == std::string::npos;
    std::uint64_t size = sizeof(float);
    if (!on_cpu && halves) size = 2;
    // On the CPU matrices of half precision stay as they are.
    if (on_cpu && is_matrix && (halves || element_size(tensor.dtype) == 2)) size = 2;
    part.weight_bytes += static_cast<std::uint64_t>(tensor.element_count()) * size;
  }
  return part;
}

// Networks that are kept in fp32: every real tensor that passes.
template <typename Passes>
MemoryEstimate::Part fp32_part(std::string name, const Checkpoint& checkpoint, Passes passes) {
  MemoryEstimate::Part part{std::move(name), 0, 0};
  for (const TensorInfo& tensor : checkpoint.tensors())
    if (is_real(tensor.dtype) && passes(std::string_view(tensor.name))) part.parameters += tensor.element_count();
  part.weight_bytes = static_cast<std::uint64_t>(part.parameters) * sizeof(float);
  return part;
}

bool is_vqgan_parameter(std::string_view name) {
  if (name.starts_with("model.")) name.remove_prefix(6);
  constexpr std::array prefixes = {"encoder.", "decoder.", "quantize.", "quant_conv.", "post_quant_conv."};
  return std::any_of(prefixes.begin(), prefixes.end(), [&](const char* prefix) { return name.starts_with(prefix); });
}

std::filesystem::path ruclip_weights(const std::filesystem::path& directory) {
  std::error_code ignored;
  const std::filesystem::path safetensors = directory / "model.safetensors";
  const bool only_that = !std::filesystem::exists(directory / "pytorch_model.bin", ignored) &&
                         std::filesystem::exists(safetensors, ignored);
  return only_that ? safetensors : directory / "pytorch_model.bin";
}

}  // namespace

std::uint64_t cache_bytes(const TransformerConfig& config, int batch, [[maybe_unused]] bool on_cpu) {
#if defined(KANDINSKY_CUDA)
  if (!on_cpu)
    return CudaDecoder::cache_bytes(config, std::min(batch, CudaDecoder::most_slots)) +
           CudaDecoder::prompt_bytes(config);
#endif
  return CpuDecoder::cache_bytes(config, batch) + CpuDecoder::prompt_bytes(config);
}

int batch_that_fits(const Transformer& transformer, int batch) {
  if (transformer.device() != "cpu") return batch;
  const std::uint64_t free = usable(free_memory("cpu"));
  if (free == 0) return batch;
  while (batch > 1 && cache_bytes(transformer.config(), batch) > free) batch -= (batch + 7) / 8;
  return batch;
}

void check_memory(const MemoryEstimate& estimate, const std::string& device) {
  std::uint64_t weights = 0;
  for (const MemoryEstimate::Part& part : estimate.parts) weights += part.weight_bytes;
  const std::uint64_t free = free_memory(device);
  if (free == 0 || weights <= free) return;
  constexpr double gigabyte = 1e9;
  fail(ErrorCode::out_of_memory, device, "the weights take {:.1f} GB and {:.1f} GB are free", weights / gigabyte,
       free / gigabyte);
}

MemoryEstimate Pipeline::estimate(const std::filesystem::path& directory, const PipelineOptions& options, int batch) {
  if (batch < 1 || batch > most_batch)
    fail(ErrorCode::invalid_argument, "batch", "{} is not a whole number from 1 to {}", batch, most_batch);
  const ModelFiles files = ModelFiles::find(directory, options.files);
  const bool on_cpu = resolve_device(options.device).is_cpu();

  MemoryEstimate estimate;
  const Checkpoint transformer = Checkpoint::open(files.transformer).state_dict();
  const TransformerConfig config =
      options.transformer ? *options.transformer : TransformerConfig::detect(transformer, files.transformer_config);
  estimate.parts.push_back(transformer_part(transformer, config, options.precision, on_cpu));
  const auto any = [](std::string_view) { return true; };
  estimate.parts.push_back(fp32_part("vqgan", Checkpoint::open(files.vqgan).state_dict(), is_vqgan_parameter));
  if (options.rank && !files.ruclip.empty())
    estimate.parts.push_back(fp32_part("ruclip", Checkpoint::open(ruclip_weights(files.ruclip)).state_dict(), any));
  if (options.super_resolution && !files.real_esrgan.empty())
    estimate.parts.push_back(fp32_part("real_esrgan", Checkpoint::open(files.real_esrgan).state_dict(), any));

  estimate.cache_bytes = cache_bytes(config, batch, on_cpu);
  estimate.total_bytes = estimate.cache_bytes;
  for (const MemoryEstimate::Part& part : estimate.parts) estimate.total_bytes += part.weight_bytes;
  return estimate;
}

}  // namespace kandinsky
