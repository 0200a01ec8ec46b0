#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/group_norm.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/silu.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "kandinsky/real_esrgan.h"
#include "kandinsky/ruclip.h"
#include "kandinsky/vqgan.h"
#include "support/compare.h"
#include "support/golden.h"
#include "tensor/compute_device.h"
#include "vision/networks.h"
#include "vqgan/blocks.h"

// VQGAN, ruCLIP and Real-ESRGAN on a CUDA device against the reference's data. Skipped, and said so, without one.
namespace kandinsky {
namespace {

using testing::Golden;
using testing::max_difference;

#define NEEDS_DEVICE() \
  if (!cuda_available()) GTEST_SKIP() << "no CUDA device"

constexpr Precision precisions[] = {Precision::automatic, Precision::fp32};

ComputeOptions on_cuda(Precision precision) { return {.device = "cuda:0", .precision = precision}; }

TEST(CudaVisionTest, GroupNormFollowsLibTorch) {
  NEEDS_DEVICE();
  const at::InferenceMode inference;
  const auto options = at::TensorOptions().dtype(at::kFloat).device(at::kCUDA);
  struct Shape {
    std::int64_t pictures, channels, height, width;
  };
  for (const auto& [pictures, channels, height, width] :
       {Shape{1, 128, 1, 1}, Shape{3, 128, 256, 256}, Shape{8, 256, 64, 32}, Shape{2, 384, 33, 7},
        Shape{1, 512, 32, 32}, Shape{5, 1024, 9, 17}, Shape{2, 64, 16, 16}}) {
    const at::Tensor x = at::randn({pictures, channels, height, width}, options).mul_(3).add_(20);
    const vqgan::GroupNorm norm{at::randn({channels}, options), at::randn({channels}, options)};
    const at::Tensor exact =
        at::group_norm(x.to(at::kDouble), 32, norm.weight.to(at::kDouble), norm.bias.to(at::kDouble), 1e-6);
    for (const bool swish : {false, true}) {
      const at::Tensor found = norm(x.contiguous(at::MemoryFormat::ChannelsLast), swish);
      const at::Tensor expected = swish ? at::silu(exact) : exact;
      EXPECT_LT((found - expected).abs().max().item<double>(), 5e-5) << channels << " " << swish;
      // A picture alone gives the same bits.
      const at::Tensor last = norm(x.slice(0, pictures - 1).contiguous(at::MemoryFormat::ChannelsLast), swish);
      EXPECT_TRUE(last.equal(found.slice(0, pictures - 1))) << channels;
    }
  }
}

TEST(CudaVisionTest, VqganPictures) {
  NEEDS_DEVICE();
  const Golden golden("nano/vqgan/cases.safetensors");
  for (const Precision precision : precisions) {
    const VqganDecoder model =
        VqganDecoder::load(testing::nano_path("vae/vqgan.gumbelf8.model.ckpt"), on_cuda(precision));
    std::vector<std::int32_t> all;
    for (const std::string name : {"d0", "e0", "e1", "e2"}) {
      const auto ids = golden.ints(name + ".ids");
      const auto found = model.encode(Image::load(testing::golden_path("nano/pictures/" + name + ".png")));
      const auto gap = golden.floats(name + ".gap");
      const double rounding = precision == Precision::fp32 ? 1e-4 : 0.05;
      for (std::size_t i = 0; i < ids.size(); ++i)
        EXPECT_TRUE(found[i] == ids[i] || gap[i] < rounding) << name << " " << i;
      const auto d = testing::difference(model.decode(ids),
                                         Image::load(testing::golden_path("nano/vqgan/" + name + "_decoded.png")));
      std::printf("  %s %s: largest difference %d of 255, %.3f %% of the samples\n", name.c_str(),
                  precision == Precision::fp32 ? "fp32" : "tf32", d.largest, d.share * 100);
      EXPECT_LE(d.largest, 1) << name;
      all.insert(all.end(), ids.begin(), ids.end());
    }
    const auto together = model.decode(all, 16, 16, 8);
    for (int i = 0; i < 4; ++i)
      EXPECT_LE(testing::difference(together[i], model.decode(std::span(all).subspan(i * 256, 256))).largest, 1);
  }
}

TEST(CudaVisionTest, RuClipLatentsAndRanking) {
  NEEDS_DEVICE();
  const Golden golden("nano/ruclip/cases.safetensors");
  const std::vector<std::string> labels = golden.info().at("labels"), names = golden.info().at("pictures");
  std::vector<Image> images;
  for (const std::string& name : names)
    images.push_back(Image::load(testing::golden_path("nano/pictures/" + name + ".png")));
  for (const Precision precision : precisions) {
    const RuClip model = RuClip::load(testing::nano_path("ruclip"), on_cuda(precision));
    // Normalised latents; fp16 rounds each factor of the blocks' products to 11 bits.
    const double limit = precision == Precision::fp32 ? 1e-5 : 2e-3;
    const double image = max_difference(model.image_latents(images).values, golden.floats("picture_latents"));
    const double text = max_difference(model.text_latents(labels).values, golden.floats("text_latents"));
    std::printf("  %s: largest difference of a latent %.1e, of a text %.1e\n",
                precision == Precision::fp32 ? "fp32" : "fp16", image, text);
    EXPECT_LT(image, limit);
    EXPECT_LT(text, limit);
    EXPECT_LT(max_difference(model.scores(labels, images), golden.floats("scores_label_by_picture")), limit);
    const auto& expected = golden.info().at("cherry_pick");
    const auto ranking = model.rank(expected.at("text"), images, expected.at("count"));
    ASSERT_EQ(ranking.size(), expected.at("order").size());
    for (std::size_t i = 0; i < ranking.size(); ++i)
      EXPECT_EQ(names[ranking[i].index], expected.at("order")[i].get<std::string>());
  }
}

TEST(CudaVisionTest, RealEsrganPictures) {
  NEEDS_DEVICE();
  const Image input = Image::load(testing::golden_path("nano/esrgan/in.png"));
  const Image expected = Image::load(testing::golden_path("nano/esrgan/out.png"));
  for (const Precision precision : precisions) {
    const RealEsrgan model = RealEsrgan::load(testing::nano_path("x4/RealESRGAN_x4.pth"), on_cuda(precision));
    for (const bool reference : {true, false}) {
      TilingOptions options;
      options.reference = reference;
      const auto d = testing::difference(model.upscale(input, options), expected);
      std::printf("  %s%s: largest difference %d of 255, %.3f %% of the samples\n",
                  precision == Precision::fp32 ? "fp32" : "fp16", reference ? ", reference tiles" : "", d.largest,
                  d.share * 100);
      EXPECT_LE(d.largest, 1);
    }
  }
}

}  // namespace
}  // namespace kandinsky
