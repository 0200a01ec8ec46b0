#include "kandinsky/real_esrgan.h"

#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <span>
#include <string>

#include "checkpoint/process_memory.h"
#include "kandinsky/error.h"
#include "realesrgan/network.h"
#include "realesrgan/tiling.h"
#include "support/compare.h"
#include "support/golden.h"
#include "vision/networks.h"

namespace kandinsky {
namespace {

using testing::Golden;

realesrgan::Network network_of(const nlohmann::json& info) {
  return {testing::seeded_weights(info),
          {info.at("scale"), info.at("num_block"), info.at("num_feat"), info.at("num_grow_ch")}};
}

class RealEsrganGoldenTest : public ::testing::TestWithParam<const char*> {};

TEST_P(RealEsrganGoldenTest, Network) {
  const at::InferenceMode inference;
  const Golden golden(std::string("esrgan/") + GetParam() + ".safetensors");
  EXPECT_LT(testing::max_difference(network_of(golden.info())(golden.tensor("x")), golden.tensor("y")), 1e-5);
}

// What is left out of the answer is exactly what a cut of the whole answer leaves out.
TEST_P(RealEsrganGoldenTest, MarginsChangeNothing) {
  const at::InferenceMode inference;
  const Golden golden(std::string("esrgan/") + GetParam() + ".safetensors");
  const auto network = network_of(golden.info());
  const int scale = golden.info().at("scale");
  const at::Tensor whole = network(golden.tensor("x"));
  const at::Tensor part = network(golden.tensor("x"), {4, 2, 6, 4});
  EXPECT_LT(testing::max_difference(part, whole.slice(2, 2 * scale, 6 * scale).slice(3, 4 * scale, 6 * scale)), 1e-6);
}

std::string file_of(const nlohmann::json& info) {
  return testing::seeded_file(info, [&](const Weights& weights) {
    realesrgan::Network(weights, {info.at("scale"), info.at("num_block"), info.at("num_feat"), info.at("num_grow_ch")});
  });
}

TEST_P(RealEsrganGoldenTest, PicturesThroughTheReferencesTiles) {
  const std::string name = GetParam();
  const Golden golden("esrgan/" + name + ".safetensors");
  const std::string file = file_of(golden.info());
  const RealEsrgan model = RealEsrgan::load(Checkpoint::from_memory(std::as_bytes(std::span(file))), {.device = "cpu"});
  EXPECT_EQ(model.scale(), golden.info().at("scale").get<int>());
  EXPECT_EQ(model.blocks(), golden.info().at("num_block").get<int>());
  TilingOptions options;
  options.tile = golden.info().at("patches_size");
  options.padding = golden.info().at("padding");
  options.mirror = golden.info().at("pad_size");
  options.batch = golden.info().at("batch_size");
  options.reference = true;
  const Image input = Image::load(testing::golden_path("esrgan/" + name + "_in.png"));
  const Image expected = Image::load(testing::golden_path("esrgan/" + name + "_out.png"));
  const auto d = testing::difference(model.upscale(input, options), expected);
  EXPECT_LE(d.largest, 1);
  EXPECT_LT(d.share, 1e-3);
}

// A tile's work is given back or used again before the next one's: beside the two pictures, memory does not grow with
// the size of the picture.
TEST(RealEsrganTest, LargePicturesNeedLittleMoreThanTheirPixels) {
#if defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "AddressSanitizer keeps freed memory";
#endif
  const Golden golden("esrgan/x2_pad.safetensors");
  const std::string file = file_of(golden.info());
  const RealEsrgan model = RealEsrgan::load(Checkpoint::from_memory(std::as_bytes(std::span(file))), {.device = "cpu"});
  // Peak memory after a number of tiles of which the answer is no part.
  const auto work_of = [&](int width, int height, int most_tiles) {
    const Image picture(width, height);
    if (!testing::reset_peak_memory()) return std::int64_t{-1};
    const std::int64_t before = testing::process_memory("VmRSS");
    int done = 0;
    EXPECT_THROW(model.upscale(picture, {}, [&](const Progress&) { return ++done < most_tiles; }), Error);
    EXPECT_EQ(done, most_tiles);
    return testing::process_memory("VmHWM") - before - std::int64_t{4} * 3 * width * height;
  };
  const std::int64_t small = work_of(500, 500, 4);
  if (small < 0) GTEST_SKIP() << "peak memory cannot be measured here";
  const std::int64_t large = work_of(4000, 3000, 60);
  RecordProperty("megabytes_of_a_tile", std::to_string(small >> 20));
  RecordProperty("megabytes_of_60_tiles", std::to_string(large >> 20));
  EXPECT_LT(large, small + (64 << 20));
  EXPECT_LT(large, 512 << 20);
}

INSTANTIATE_TEST_SUITE_P(, RealEsrganGoldenTest, ::testing::Values("x2", "x2_pad", "x4", "x8"),
                         [](const auto& info) { return std::string(info.param); });

TEST(RealEsrganTest, RealSizes) {
  const auto counts = testing::read_json(testing::golden_path("counts.json"));
  const auto check = [&](const char* name, const realesrgan::Sizes& sizes) {
    testing::Count count;
    const realesrgan::Network network(testing::counted_weights(count), sizes);
    EXPECT_EQ(count.parameters, counts.at(name).at("parameters").get<std::int64_t>()) << name;
    EXPECT_EQ(count.tensors, counts.at(name).at("tensors").get<int>()) << name;
    EXPECT_EQ(network.parameter_count(), count.parameters);
  };
  check("Real-ESRGAN x2 (23 blocks)", {2, 23, 64, 32});
  check("Real-ESRGAN x4 (23 blocks)", {4, 23, 64, 32});
  check("Real-ESRGAN x4 (6 blocks)", {4, 6, 64, 32});
  check("Real-ESRGAN x8 (23 blocks)", {8, 23, 64, 32});
}

class NanoRealEsrganTest : public ::testing::Test {
 protected:
  static const RealEsrgan& model() {
    static const RealEsrgan loaded = RealEsrgan::load(testing::nano_path("x4/RealESRGAN_x4.pth"), {.device = "cpu"});
    return loaded;
  }
  static Image input() { return Image::load(testing::golden_path("nano/esrgan/in.png")); }
};

TEST_F(NanoRealEsrganTest, ReferenceTilingGivesTheReferencesPicture) {
  TilingOptions options;
  options.reference = true;
  options.batch = 1;
  const auto d =
      testing::difference(model().upscale(input(), options), Image::load(testing::golden_path("nano/esrgan/out.png")));
  EXPECT_LE(d.largest, 1);
  EXPECT_LT(d.share, 1e-3);
  EXPECT_EQ(model().scale(), 4);
  EXPECT_EQ(model().blocks(), 6);
  EXPECT_EQ(model().parameter_count(), 4467779);
}

// Tiles no larger than needed see less of what the reference makes up around the picture: a rounding's worth.
TEST_F(NanoRealEsrganTest, SmallTilesStayClose) {
  const auto d =
      testing::difference(model().upscale(input()), Image::load(testing::golden_path("nano/esrgan/out.png")));
  RecordProperty("largest", d.largest);
  RecordProperty("share", std::to_string(d.share));
  std::printf("  largest difference %d of 255, %.4f %% of the samples\n", d.largest, d.share * 100);
  EXPECT_LE(d.largest, 1);
}

TEST_F(NanoRealEsrganTest, BatchThreadsAndOddSizes) {
  const Image picture = input();
  TilingOptions options;
  options.tile = 40;
  options.padding = 6;
  options.mirror = 5;
  options.batch = 1;
  const Image one = model().upscale(picture, options);
  options.batch = 3;
  EXPECT_LE(testing::difference(model().upscale(picture, options), one).largest, 1);
  const RealEsrgan single =
      RealEsrgan::load(testing::nano_path("x4/RealESRGAN_x4.pth"), {.device = "cpu", .threads = 1});
  EXPECT_LE(testing::difference(single.upscale(picture, options), one).largest, 1);
  for (const auto& [width, height] : {std::pair{1, 1}, {3, 17}, {41, 2}}) {
    const Image small = model().upscale(Image(width, height), options);
    EXPECT_EQ(small.width(), width * 4);
    EXPECT_EQ(small.height(), height * 4);
  }
}

TEST_F(NanoRealEsrganTest, CancelsAndRefuses) {
  TilingOptions options;
  options.tile = 16;
  options.padding = 2;
  options.batch = 1;
  int calls = 0;
  try {
    model().upscale(Image(40, 8), options, [&](const Progress& p) {
      EXPECT_EQ(p.stage, Stage::enlarging);
      EXPECT_EQ(p.steps, 3);
      return ++calls < 2;
    });
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::cancelled);
  }
  const auto message = [&](auto change) -> std::string {
    TilingOptions wrong;
    change(wrong);
    try {
      model().upscale(Image(8, 8), wrong);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(message([](auto& o) { o.tile = 48; }), "tile: 48 does not exceed twice the padding of 24");
  EXPECT_EQ(message([](auto& o) { o.batch = 0; }), "batch: 0 is not in 1..256");
  EXPECT_EQ(message([](auto& o) { o.mirror = -1; }), "mirror: -1 is not in 0..1024");
  EXPECT_THROW(model().upscale(Image()), Error);
  EXPECT_THROW(model().upscale(Image(17000, 1)), Error);
  EXPECT_THROW(model().forward(std::vector<float>(5), 1, 2, 2), Error);
}

TEST(RealEsrganLoadTest, NamesWhatIsMissing) {
  try {
    RealEsrgan::load(testing::nano_path("vae/vqgan.gumbelf8.model.ckpt"), {.device = "cpu"});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::bad_file);
    EXPECT_NE(std::string(error.what()).find("there is no tensor 'conv_first.weight'"), std::string::npos)
        << error.what();
  }
}

}  // namespace
}  // namespace kandinsky
