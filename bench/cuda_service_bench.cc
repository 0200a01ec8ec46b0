// What follows the token loop on a CUDA device, and the service's whole job (8 images, ranked, 4 of them enlarged x4,
// JPEG), at the sizes of the real models with random weights.
//   bench_cuda_service [--model kandinsky-12b] [--no-job] [Google Benchmark's flags]
#include <ATen/core/grad_mode.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/randn.h>
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "kandinsky/error.h"
#include "realesrgan/tile_work.h"
#include "ruclip/network.h"
#include "ruclip/prepare.h"
#include "tensor/compute_device.h"
#include "transformer/cuda_decoder.h"
#include "transformer/draw.h"
#include "vqgan/network.h"
#include "vqgan/pictures.h"

namespace {

using namespace kandinsky;

constexpr int images = 8, kept = 4, grid = 32;

// Numbers of about the spread that training leaves.
Weights random_weights(at::Device device) {
  return Weights([device](const std::string& name, at::IntArrayRef shape) {
    const auto options = at::TensorOptions().dtype(at::kFloat).device(device);
    if (shape.size() == 1 && name.ends_with(".weight")) return at::randn(shape, options).mul_(0.05).add_(1);
    if (shape.size() < 2) return at::randn(shape, options).mul_(0.02);
    double inputs = 1;
    for (std::size_t i = 1; i < shape.size(); ++i) inputs *= double(shape[i]);
    return at::randn(shape, options).mul_(name.find("embed") != std::string::npos ? 0.5 : 1 / std::sqrt(inputs));
  });
}

struct Models {
  at::Device device = resolve_device("cuda:0");
  VqganConfig vqgan_config;
  RuClipConfig ruclip_config;
  realesrgan::Sizes sizes;
  vqgan::Network vqgan;
  ruclip::Network ruclip;
  realesrgan::Network real_esrgan;

  Models()
      : vqgan(random_weights(device).with_tf32(), vqgan_config, false),
        ruclip(random_weights(device).as(at::kHalf), ruclip_config),
        real_esrgan(random_weights(device).as(at::kHalf), sizes) {}

  std::vector<Image> decode(const std::vector<std::int32_t>& tokens) const {
    const at::Tensor ids =
        at::from_blob(const_cast<std::int32_t*>(tokens.data()),
                      {std::int64_t(tokens.size()) / (grid * grid), grid, grid}, at::TensorOptions().dtype(at::kInt))
            .to(device, at::kLong);
    return vqgan::to_images(vqgan.decode(ids));
  }
  // Latents of pictures, as the class computes them.
  at::Tensor latents(const std::vector<Image>& pictures) const {
    return ruclip.image(ruclip::to_pixels(pictures, ruclip_config, device, resolve_threads(0))).cpu();
  }
  Image enlarge(const Image& picture) const {
    const TilingOptions options;
    Image result(picture.width() * 4, picture.height() * 4);
    const auto tiles = realesrgan::tiles(picture.width(), picture.height(), options, 1);
    for (std::size_t first = 0; first < tiles.size(); first += options.batch)
      realesrgan::enlarge(real_esrgan, device, picture, options,
                          std::span(tiles).subspan(first, std::min<std::size_t>(options.batch, tiles.size() - first)),
                          result);
    return result;
  }
};

std::vector<std::int32_t> some_tokens(int count) {
  std::vector<std::int32_t> tokens(std::size_t(count) * grid * grid);
  for (std::size_t i = 0; i < tokens.size(); ++i) tokens[i] = static_cast<std::int32_t>(i * 2654435761u % 8192);
  return tokens;
}

void each(benchmark::State& state, int pictures, const std::function<void()>& body) {
  body();
  for (auto _ : state) body();
  state.counters["ms_a_picture"] = benchmark::Counter(
      double(pictures) * 1e-3, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

int run(int argc, char** argv) {
  bool job = true;
  std::string model = "kandinsky";
  int out = 1;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--no-job") == 0)
      job = false;
    else if (std::strcmp(argv[i], "--model") == 0 && i + 1 < argc)
      model = argv[++i];
    else
      argv[out++] = argv[i];
  }
  argc = out;
  if (model == "kandinsky-12b") model = "kandinsky";
  const auto config = TransformerConfig::preset(model);
  if (!config) throw Error(ErrorCode::invalid_argument, "--model", "'" + model + "' is not a known model");
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;

  const at::InferenceMode inference;
  const Models models;
  const std::vector<std::int32_t> tokens = some_tokens(images);
  const std::vector<Image> pictures = models.decode(tokens);
  benchmark::RegisterBenchmark(
      "vqgan/256x256/batch:8",
      [&](benchmark::State& state) { each(state, images, [&] { benchmark::DoNotOptimize(models.decode(tokens)); }); })
      ->UseRealTime()
      ->Unit(benchmark::kMillisecond);
  benchmark::RegisterBenchmark("ruclip-L/14-336/batch:8",
                               [&](benchmark::State& state) {
                                 each(state, images, [&] { benchmark::DoNotOptimize(models.latents(pictures)); });
                               })
      ->UseRealTime()
      ->Unit(benchmark::kMillisecond);
  benchmark::RegisterBenchmark(
      "real_esrgan/x4/256x256",
      [&](benchmark::State& state) { each(state, 1, [&] { benchmark::DoNotOptimize(models.enlarge(pictures[0])); }); })
      ->UseRealTime()
      ->Unit(benchmark::kMillisecond);

  std::unique_ptr<CudaDecoder> decoder;
  if (job) {
    decoder = std::make_unique<CudaDecoder>(
        std::make_shared<const CudaWeights>(CudaWeights::random(*config, Precision::fp16, 0)), images);
    benchmark::RegisterBenchmark("service/8 images, 4 enlarged, JPEG",
                                 [&](benchmark::State& state) {
                                   std::vector<std::int32_t> text(config->text_length);
                                   for (int i = 0; i < config->text_length / 4; ++i) text[i] = 100 + i;
                                   DrawOptions options;
                                   options.images = options.batch = images;
                                   for (auto _ : state) {
                                     ++options.seed;
                                     std::vector<std::int32_t> drawn;
                                     for (const DrawnTokens& d : draw(*decoder, *config, text, options))
                                       drawn.insert(drawn.end(), d.tokens.begin(), d.tokens.end());
                                     const std::vector<Image> all = models.decode(drawn);
                                     benchmark::DoNotOptimize(models.latents(all));
                                     for (int i = 0; i < kept; ++i)
                                       benchmark::DoNotOptimize(models.enlarge(all[i]).encode(ImageFormat::jpeg, 95));
                                   }
                                 })
        ->UseRealTime()
        ->Unit(benchmark::kMillisecond)
        ->Iterations(3);
  }
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_cuda_service: %s\n", error.what());
    return 1;
  }
}
