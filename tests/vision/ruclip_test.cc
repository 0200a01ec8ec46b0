#include "kandinsky/ruclip.h"

#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <cmath>

#include "kandinsky/error.h"
#include "ruclip/network.h"
#include "support/compare.h"
#include "support/golden.h"
#include "vision/networks.h"

namespace kandinsky {
namespace {

using testing::Golden;
using testing::max_difference;

TEST(RuClipTest, SeededNetwork) {
  const at::InferenceMode inference;
  const Golden golden("ruclip/tiny.safetensors");
  const auto& c = golden.info().at("config");
  RuClipConfig config;
  config.embed_dim = c.at("embed_dim");
  config.image_resolution = c.at("image_resolution");
  config.vision_layers = c.at("vision_layers");
  config.vision_width = c.at("vision_width");
  config.vision_patch_size = c.at("vision_patch_size");
  config.context_length = c.at("context_length");
  config.vocab_size = c.at("vocab_size");
  config.transformer_width = c.at("transformer_width");
  config.transformer_heads = c.at("transformer_heads");
  config.transformer_layers = c.at("transformer_layers");
  const ruclip::Network network(testing::seeded_weights(golden.info()), config);
  EXPECT_LT(max_difference(network.image(golden.tensor("pixels")), golden.tensor("image_latents")), 1e-5);
  EXPECT_LT(max_difference(network.text(golden.tensor("ids").to(at::kLong)), golden.tensor("text_latents")), 1e-5);
}

TEST(RuClipTest, RealSizes) {
  const auto counts = testing::read_json(testing::golden_path("counts.json"));
  testing::Count large, base;
  RuClipConfig config;
  ruclip::Network(testing::counted_weights(large), config);
  EXPECT_EQ(large.parameters, counts.at("ruCLIP L/14-336").at("parameters").get<std::int64_t>());
  EXPECT_EQ(large.tensors, counts.at("ruCLIP L/14-336").at("tensors").get<int>());
  config = {.embed_dim = 512,
            .image_resolution = 384,
            .vision_layers = 12,
            .vision_width = 768,
            .vision_patch_size = 32,
            .transformer_width = 512,
            .transformer_heads = 8};
  ruclip::Network(testing::counted_weights(base), config);
  EXPECT_EQ(base.parameters, counts.at("ruCLIP B/32-384").at("parameters").get<std::int64_t>());
}

class NanoRuClipTest : public ::testing::Test {
 protected:
  static const RuClip& model() {
    static const RuClip loaded = RuClip::load(testing::nano_path("ruclip"), {.device = "cpu"});
    return loaded;
  }
  static std::vector<Image> pictures(const Golden& golden) {
    std::vector<Image> images;
    for (const std::string name : golden.info().at("pictures"))
      images.push_back(Image::load(testing::golden_path("nano/pictures/" + name + ".png")));
    return images;
  }
};

TEST_F(NanoRuClipTest, LatentsAndScores) {
  const Golden golden("nano/ruclip/cases.safetensors");
  const std::vector<std::string> labels = golden.info().at("labels");
  const auto images = pictures(golden);
  EXPECT_LT(max_difference(model().image_latents(images).values, golden.floats("picture_latents")), 1e-5);
  EXPECT_LT(max_difference(model().text_latents(labels).values, golden.floats("text_latents")), 1e-5);
  EXPECT_LT(max_difference(model().scores(labels, images), golden.floats("scores_label_by_picture")), 1e-5);
  EXPECT_EQ(model().tokenizer().encode_for_ruclip(labels[0]), golden.ints("label0_ids"));
  std::vector<float> found;
  for (const std::string& pattern : RuClip::default_templates()) {
    std::string text = pattern;
    text.replace(text.find("{}"), 2, strip(lower(labels[0])));
    const auto latents = model().encode_tokens(model().tokenizer().encode_for_ruclip(text));
    found.insert(found.end(), latents.values.begin(), latents.values.end());
  }
  const auto expected = golden.floats("template_latents_label0");
  // These are not normalised: compare beside their size.
  double size = 0;
  for (const float x : expected) size = std::max(size, std::abs(double(x)));
  EXPECT_LT(max_difference(found, expected), 1e-5 * std::max(1.0, size));
}

TEST_F(NanoRuClipTest, PreparesAsPillow) {
  const Golden golden("nano/ruclip/cases.safetensors");
  for (const auto& [name, c] : golden.info().at("images").items()) {
    const Image image = Image::load(testing::golden_path("nano/ruclip/" + name + ".png"));
    const Image prepared = model().prepare(image);
    EXPECT_EQ(prepared.width(), 128);
    const auto path = testing::golden_path("nano/ruclip/" + name + "_prepared.png");
    if (std::filesystem::exists(path)) {
      EXPECT_EQ(prepared, Image::load(path)) << name;
    }
    if (golden.has(name + ".prepared_sum")) {
      std::vector<std::int32_t> sums(3);
      for (std::size_t i = 0; i < prepared.pixels().size(); ++i) sums[i % 3] += prepared.pixels()[i];
      EXPECT_EQ(sums, golden.ints(name + ".prepared_sum")) << name;
    }
    EXPECT_LT(max_difference(model().image_latents({&image, 1}).values, golden.floats(name + ".0.latent")), 1e-5)
        << name;
  }
}

TEST_F(NanoRuClipTest, Ranks) {
  const Golden golden("nano/ruclip/cases.safetensors");
  const auto images = pictures(golden);
  const auto& expected = golden.info().at("cherry_pick");
  const std::vector<std::string> names = golden.info().at("pictures");
  const auto ranking = model().rank(expected.at("text"), images, expected.at("count"));
  ASSERT_EQ(ranking.size(), expected.at("order").size());
  for (std::size_t i = 0; i < ranking.size(); ++i) {
    EXPECT_EQ(names[ranking[i].index], expected.at("order")[i].get<std::string>());
    EXPECT_NEAR(ranking[i].score, expected.at("scores")[i].get<double>(), 1e-5);
  }
  EXPECT_EQ(model().rank("кот", images, 100).size(), images.size());
  EXPECT_TRUE(model().rank("кот", {}, 4).empty());
  EXPECT_THROW(model().rank("кот", images, 0), Error);
}

TEST_F(NanoRuClipTest, BatchAndThreadsChangeNothing) {
  const Golden golden("nano/ruclip/cases.safetensors");
  const auto images = pictures(golden);
  const RuClip single = RuClip::load(testing::nano_path("ruclip"), {.device = "cpu", .threads = 1});
  const auto expected = model().image_latents(images).values;
  for (const int batch : {1, 2, 3})
    EXPECT_LT(max_difference(model().image_latents(images, batch).values, expected), 1e-6);
  EXPECT_LT(max_difference(single.image_latents(images).values, expected), 1e-6);
}

TEST_F(NanoRuClipTest, RefusesWhatDoesNotFit) {
  const std::vector<std::string> text = {"кот"}, bad = {"нет места"};
  EXPECT_THROW(model().text_latents(text, bad), Error);
  EXPECT_THROW(model().encode_tokens(std::vector<std::int32_t>(76)), Error);
  EXPECT_THROW(model().encode_tokens(std::vector<std::int32_t>(77)), Error);        // no end
  EXPECT_THROW(model().encode_tokens(std::vector<std::int32_t>(77, 2048)), Error);  // out of range
  EXPECT_THROW(model().encode_pixels(std::vector<float>(5)), Error);
  EXPECT_THROW(model().prepare(Image()), Error);
  EXPECT_THROW(RuClip::load("/no/such/folder"), Error);
  EXPECT_EQ(model().text_latents({}).count, 0);
  EXPECT_EQ(model().image_latents({}).count, 0);
}

}  // namespace
}  // namespace kandinsky
