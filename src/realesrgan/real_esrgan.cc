#include "kandinsky/real_esrgan.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include <optional>
#include <span>
#include <utility>

#include "core/fail.h"
#include "realesrgan/tile_work.h"
#include "tensor/compute_device.h"
#include "tensor/torch_error.h"

namespace kandinsky {
using realesrgan::Tile;

// One of the two networks: ours where the processor has kernels for it, else LibTorch's.
struct RealEsrgan::Impl {
  realesrgan::Sizes sizes;
  std::int64_t parameters;
  std::optional<realesrgan::CpuNetwork> cpu_network;
  std::optional<realesrgan::Network> network;
  at::Device device;
  int threads;
};

namespace {

std::int64_t count_parameters(const realesrgan::Sizes& sizes) {
  const Weights shapes([](const std::string&, at::IntArrayRef shape) {
    return at::empty(shape, at::TensorOptions().device(at::kMeta).dtype(at::kFloat));
  });
  return realesrgan::Network(shapes, sizes).parameter_count();
}

bool alike(const Tile& a, const Tile& b) {
  return a.width == b.width && a.height == b.height && a.margins.left == b.margins.left &&
         a.margins.top == b.margins.top && a.margins.right == b.margins.right && a.margins.bottom == b.margins.bottom;
}

}  // namespace

RealEsrgan::RealEsrgan(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

RealEsrgan RealEsrgan::load(const std::filesystem::path& path, const ComputeOptions& options) {
  return load(Checkpoint::open(path), options);
}

RealEsrgan RealEsrgan::load(const Checkpoint& checkpoint, const ComputeOptions& options) {
  return guarded("loading Real-ESRGAN", [&] {
    const at::Device device = resolve_device(options.device);
    const int threads = resolve_threads(options.threads);
    const ThreadScope scope(threads);
    const at::InferenceMode inference;
    const Checkpoint file = checkpoint.state_dict();
    const bool halves = device.is_cuda() && options.precision != Precision::fp32;
    const Weights weights(file, device, halves ? at::kHalf : at::kFloat);
    const auto sizes = realesrgan::Sizes::detect(weights, file);
    auto impl =
        std::make_shared<Impl>(Impl{sizes, count_parameters(sizes), std::nullopt, std::nullopt, device, threads});
    if (device.is_cpu() && cpu::has_vision_kernels())
      impl->cpu_network.emplace(weights, sizes);
    else
      impl->network.emplace(weights, sizes);
    return RealEsrgan(std::move(impl));
  });
}

int RealEsrgan::scale() const noexcept { return impl_->sizes.scale; }
int RealEsrgan::blocks() const noexcept { return impl_->sizes.blocks; }
std::int64_t RealEsrgan::parameter_count() const noexcept { return impl_->parameters; }

Image RealEsrgan::upscale(const Image& image, const TilingOptions& options, const ProgressCallback& progress) const {
  realesrgan::check(options, scale());
  if (image.empty()) throw Error(ErrorCode::invalid_argument, "image", "there are no pixels");
  if (image.width() > 65535 / scale() || image.height() > 65535 / scale())
    fail(ErrorCode::invalid_argument, "image", "{} x {} pixels are too many to enlarge {} times", image.width(),
         image.height(), scale());
  return guarded("enlarging", [&] {
    const ThreadScope scope(impl_->threads);
    const at::InferenceMode inference;
    Image result(image.width() * scale(), image.height() * scale());
    const std::vector<Tile> work = realesrgan::tiles(image.width(), image.height(), options, scale() == 2 ? 2 : 1);
    std::optional<cpu::VisionContext> context;
    if (impl_->cpu_network) context.emplace(impl_->threads);
    for (std::size_t first = 0; first < work.size();) {
      // Tiles of one shape go through together; on the CPU one by one, which needs less memory and no more
      // time.
      const std::size_t most = context ? 1 : options.batch;
      std::size_t last = first;
      while (last < work.size() && last - first < most && alike(work[first], work[last])) ++last;
      if (context)
        realesrgan::enlarge(*impl_->cpu_network, scale(), *context, image, options, work[first], result);
      else
        realesrgan::enlarge(*impl_->network, impl_->device, image, options,
                            std::span(work).subspan(first, last - first), result);
      first = last;
      if (progress && !progress({Stage::enlarging, static_cast<int>(first), static_cast<int>(work.size()), 1}))
        throw Error(ErrorCode::cancelled, "", "cancelled while enlarging");
    }
    return result;
  });
}

std::vector<float> RealEsrgan::forward(std::span<const float> pixels, int count, int height, int width) const {
  const int unit = scale() == 2 ? 2 : 1;
  if (count < 1 || height < 1 || width < 1 || height % unit != 0 || width % unit != 0 || height > 65535 ||
      width > 65535 || pixels.size() != std::size_t(count) * 3 * height * width)
    fail(ErrorCode::invalid_argument, "pixels", "{} floats, expected {} x 3 x {} x {}{}", pixels.size(), count, height,
         width, unit == 2 ? ", with even height and width" : "");
  return guarded("enlarging", [&] {
    const ThreadScope scope(impl_->threads);
    if (impl_->cpu_network) {
      cpu::VisionContext context(impl_->threads);
      std::vector<float> answer(pixels.size() * scale() * scale());
      realesrgan::forward(*impl_->cpu_network, scale(), context, pixels.data(), count, height, width, answer.data());
      return answer;
    }
    const at::InferenceMode inference;
    const at::Tensor x = at::from_blob(const_cast<float*>(pixels.data()), {count, 3, height, width},
                                       at::TensorOptions().dtype(at::kFloat))
                             .to(impl_->device);
    const at::Tensor y = (*impl_->network)(x).to(at::kFloat).contiguous(at::MemoryFormat::Contiguous).cpu();
    return std::vector<float>(y.const_data_ptr<float>(), y.const_data_ptr<float>() + y.numel());
  });
}

}  // namespace kandinsky
