#include "kandinsky/vqgan.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/argmax.h>
#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "core/fail.h"
#include "tensor/compute_device.h"
#include "tensor/torch_error.h"
#include "vqgan/cpu_decoder.h"
#include "vqgan/network.h"
#include "vqgan/pictures.h"

namespace kandinsky {

// Decodes with our own kernels where the processor has them, else with LibTorch, which always encodes.
struct VqganDecoder::Impl {
  std::optional<vqgan::CpuDecoder> cpu_decoder;
  vqgan::Network network;
  at::Device device;
  int threads;
  std::int64_t parameters;
};

namespace {

void decode_with_torch(const VqganDecoder::Impl& impl, std::span<const std::int32_t> tokens, int count, int height,
                       int width, std::vector<Image>& images) {
  const at::Tensor ids = at::from_blob(const_cast<std::int32_t*>(tokens.data()), {count, height, width},
                                       at::TensorOptions().dtype(at::kInt))
                             .to(impl.device, at::kLong);
  for (Image& image : vqgan::to_images(impl.network.decode(ids))) images.push_back(std::move(image));
}

}  // namespace

VqganDecoder::VqganDecoder(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

VqganDecoder VqganDecoder::load(const std::filesystem::path& path, const ComputeOptions& options) {
  const Checkpoint checkpoint = Checkpoint::open(path);
  const std::filesystem::path config = path.parent_path() / "config.json";
  std::error_code ignored;
  if (std::filesystem::exists(config, ignored)) return load(checkpoint, VqganConfig::load(config), options);
  const Weights weights = vqgan::without_prefix(Weights(checkpoint.state_dict()));
  return load(checkpoint, vqgan::sizes_of(weights, VqganConfig()), options);
}

VqganDecoder VqganDecoder::load(const Checkpoint& checkpoint, const VqganConfig& config,
                                const ComputeOptions& options) {
  return guarded("loading the VQGAN", [&] {
    const at::Device device = resolve_device(options.device);
    const int threads = resolve_threads(options.threads);
    const ThreadScope scope(threads);
    const at::InferenceMode inference;
    const Checkpoint file = checkpoint.state_dict();
    Weights weights = vqgan::without_prefix(Weights(file, device));
    if (options.precision != Precision::fp32) weights = weights.with_tf32();
    VqganConfig sizes = config;
    sizes.wavelet = config.wavelet || weights.has("decoder.decoder.conv_in.weight");
    const bool with_encoder = weights.has("encoder.conv_in.weight");
    std::int64_t parameters = 0;
    for (const TensorInfo& tensor : file.tensors())
      for (const char* part : {"encoder.", "decoder.", "quantize.", "quant_conv.", "post_quant_conv."})
        if (tensor.name.starts_with(part) || tensor.name.starts_with(std::string("model.") + part))
          parameters += tensor.element_count();
    const bool ours = device.is_cpu() && cpu::has_vision_kernels();
    std::optional<vqgan::CpuDecoder> cpu_decoder;
    if (ours) cpu_decoder.emplace(weights, sizes);
    return VqganDecoder(std::make_shared<const Impl>(Impl{
        std::move(cpu_decoder), vqgan::Network(weights, sizes, with_encoder, !ours), device, threads, parameters}));
  });
}

const VqganConfig& VqganDecoder::config() const noexcept { return impl_->network.config(); }
std::int64_t VqganDecoder::parameter_count() const noexcept { return impl_->parameters; }

std::vector<Image> VqganDecoder::decode(std::span<const std::int32_t> tokens, int grid_height, int grid_width,
                                        int batch, const ProgressCallback& progress) const {
  constexpr int most = 1024;
  if (grid_height < 1 || grid_height > most)
    fail(ErrorCode::invalid_argument, "grid_height", "{} is not in 1..{}", grid_height, most);
  if (grid_width < 1 || grid_width > most)
    fail(ErrorCode::invalid_argument, "grid_width", "{} is not in 1..{}", grid_width, most);
  if (batch < 1 || batch > 4096) fail(ErrorCode::invalid_argument, "batch", "{} is not in 1..4096", batch);
  const std::size_t each = std::size_t(grid_height) * grid_width;
  if (tokens.empty() || tokens.size() % each != 0)
    fail(ErrorCode::invalid_argument, "tokens", "{} ids, expected a multiple of {} x {}", tokens.size(), grid_height,
         grid_width);
  for (const std::int32_t id : tokens)
    if (id < 0 || id >= config().codebook_size)
      fail(ErrorCode::invalid_argument, "tokens", "id {} is not in 0..{}", id, config().codebook_size - 1);
  return guarded("decoding", [&] {
    const ThreadScope scope(impl_->threads);
    const at::InferenceMode inference;
    const int count = static_cast<int>(tokens.size() / each);
    std::vector<Image> images;
    std::optional<cpu::VisionContext> context;
    if (impl_->cpu_decoder) context.emplace(impl_->threads);
    for (int first = 0; first < count; first += batch) {
      const int part = std::min(batch, count - first);
      if (context)
        (*impl_->cpu_decoder)(*context, tokens.subspan(first * each, part * each), part, grid_height, grid_width,
                              [&](const cpu::Features& x) { vqgan::append_images(x, config().wavelet, images); });
      else
        decode_with_torch(*impl_, tokens.subspan(first * each), part, grid_height, grid_width, images);
      if (progress && !progress({Stage::decoding, first + part, count, part}))
        throw Error(ErrorCode::cancelled, "", "cancelled while decoding");
    }
    return images;
  });
}

Image VqganDecoder::decode(std::span<const std::int32_t> tokens) const {
  int side = 1;
  while (std::size_t(side) * side < tokens.size()) ++side;
  if (std::size_t(side) * side != tokens.size())
    fail(ErrorCode::invalid_argument, "tokens", "{} ids are no square", tokens.size());
  return std::move(decode(tokens, side, side).front());
}

std::vector<std::int32_t> VqganDecoder::encode(const Image& image) const {
  if (!impl_->network.has_encoder()) throw Error(ErrorCode::unsupported, "vqgan", "the checkpoint holds no encoder");
  const int factor = 1 << (config().channel_multipliers.size() - 1);
  if (image.empty() || image.width() % factor != 0 || image.height() % factor != 0)
    fail(ErrorCode::invalid_argument, "image", "{} x {} pixels, expected multiples of {}", image.width(),
         image.height(), factor);
  return guarded("encoding", [&] {
    const ThreadScope scope(impl_->threads);
    const at::InferenceMode inference;
    const at::Tensor bytes = at::from_blob(const_cast<std::uint8_t*>(image.pixels().data()),
                                           {1, image.height(), image.width(), 3}, at::TensorOptions().dtype(at::kByte));
    const at::Tensor pixels = bytes.to(impl_->device, at::kFloat).div_(255).mul_(2).sub_(1).permute({0, 3, 1, 2});
    const at::Tensor ids =
        at::argmax(impl_->network.scores(impl_->network.features(pixels)), 1).to(at::kInt).cpu().contiguous();
    const auto* from = ids.const_data_ptr<std::int32_t>();
    return std::vector<std::int32_t>(from, from + ids.numel());
  });
}

}  // namespace kandinsky
