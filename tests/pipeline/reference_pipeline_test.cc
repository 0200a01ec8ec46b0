// The pipeline against what the original Python code made: tests/data/goldens/README.md, nano/pipeline and
// nano/greedy.
#include <gtest/gtest.h>

#include <numeric>

#include "pipeline/finish_pictures.h"
#include "pipeline/nano.h"
#include "support/golden.h"

namespace kandinsky::testing {
namespace {

constexpr int side = 128;

// Pictures with the ids of a golden case and the perplexity that the model gives them.
std::vector<Picture> drawn_pictures(const Golden& golden, int index) {
  const auto& info = golden.info().at("cases").at(index);
  const std::vector<std::int32_t> ids = golden.ints(std::to_string(index) + ".ids");
  const std::vector<std::int32_t> text =
      nano().tokenizer().encode_for_transformer(info.at("text").get<std::string>(), 32);
  std::vector<Picture> pictures;
  for (std::size_t first = 0; first < ids.size(); first += 256) {
    Picture& picture = pictures.emplace_back();
    picture.number = static_cast<int>(first / 256);
    picture.tokens.assign(ids.begin() + first, ids.begin() + first + 256);
    picture.ppl = nano().transformer().ppl(text, picture.tokens);
  }
  return pictures;
}

GenerateOptions finishing(int pick, bool rank, bool super_resolution) {
  GenerateOptions options;
  options.pick = pick;
  options.rank = rank;
  options.super_resolution = super_resolution;
  return options;
}

TEST(ReferencePipeline, OrdersByPerplexity) {
  const Golden golden("nano/pipeline/cases.safetensors");
  for (int i = 0; i < 3; ++i) {
    SCOPED_TRACE(i);
    const auto& info = golden.info().at("cases").at(i);
    const std::vector<Picture> pictures =
        finish_pictures(nano(), info.at("text"), drawn_pictures(golden, i), finishing(4, false, false));
    ASSERT_EQ(pictures.size(), 4u);
    const Image sheet = Image::load(golden_path("nano/pipeline/" + std::to_string(i) + "_images.png"));
    for (int k = 0; k < 4; ++k) {
      EXPECT_EQ(pictures[k].number, info.at("order_by_ppl").at(k).get<int>());
      const double ppl = info.at("ppl_sorted").at(k);
      EXPECT_NEAR(pictures[k].ppl, ppl, 1e-3 * ppl);
      EXPECT_FALSE(pictures[k].clip_score.has_value());
      EXPECT_EQ(different_pixels(pictures[k].image, sheet.crop(pictures[k].number * side, 0, side, side)), 0);
    }
  }
}

TEST(ReferencePipeline, CherryPicks) {
  const Golden golden("nano/pipeline/cases.safetensors");
  for (int i = 0; i < 3; ++i) {
    SCOPED_TRACE(i);
    const auto& info = golden.info().at("cases").at(i);
    const auto& picked = info.at("cherry_pick");
    const std::vector<Picture> pictures =
        finish_pictures(nano(), info.at("text"), drawn_pictures(golden, i), finishing(2, true, false));
    ASSERT_EQ(pictures.size(), 2u);
    for (int k = 0; k < 2; ++k) {
      EXPECT_EQ(pictures[k].number, picked.at("order").at(k).get<int>());
      EXPECT_NEAR(pictures[k].clip_score.value(), picked.at("scores").at(k).get<double>(), 1e-4);
    }
    const std::vector<Picture> all =
        finish_pictures(nano(), info.at("text"), drawn_pictures(golden, i), finishing(9, true, false));
    ASSERT_EQ(all.size(), 4u) << "picking more than there are keeps all";
    for (int k = 0; k < 4; ++k)
      EXPECT_NEAR(all[k].clip_score.value(), info.at("scores_sorted").at(k).get<double>(), 1e-4);
  }
}

TEST(ReferencePipeline, DrawsGreedily) {
  const auto golden = read_json(golden_path("nano/greedy.json"));
  for (int i = 0; i < 4; ++i) {
    SCOPED_TRACE(i);
    const auto& info = golden.at("cases").at(i);
    GenerateOptions options = finishing(1, true, false);
    options.images = 1;
    options.greedy = true;
    const std::vector<Picture> pictures = nano().generate(info.at("prompt").get<std::string>(), options);
    ASSERT_EQ(pictures.size(), 1u);
    EXPECT_EQ(pictures[0].tokens, info.at("tokens").get<std::vector<std::int32_t>>());
    EXPECT_NEAR(pictures[0].ppl, info.at("ppl").get<double>(), 1e-3 * info.at("ppl").get<double>());
    EXPECT_EQ(
        different_pixels(pictures[0].image, Image::load(golden_path("nano/greedy/" + std::to_string(i) + ".png"))), 0);
  }
}

// The service's calls, whose top_k of 1 makes them reproducible, with enlarging and without.
TEST(ReferencePipeline, AnswersAsTheService) {
  const auto golden = read_json(golden_path("nano/pipeline/service.json"));
  for (int i = 0; i < 2; ++i) {
    SCOPED_TRACE(i);
    const auto& call = golden.at("calls").at(i);
    const auto& effective = call.at("effective");
    GenerateOptions options;
    options.images = effective.at("images_to_gen");
    options.pick = effective.at("images_to_cherry_pick");
    options.top_k = effective.at("top_k").get<int>();
    options.top_p = effective.at("top_p").get<double>();
    options.super_resolution = effective.at("super_res");
    const std::vector<Picture> pictures =
        nano().generate(call.at("request").at("instances").at(0).at("query").get<std::string>(), options);
    ASSERT_EQ(pictures.size(), call.at("images").get<std::size_t>());
    const Image& image = pictures[0].image;
    EXPECT_EQ(image.width(), call.at("size").at(0).get<int>());
    EXPECT_EQ(image.height(), call.at("size").at(1).get<int>());
    EXPECT_NEAR(pictures[0].clip_score.value(), call.at("clip_scores").at(0).get<double>(), 1e-4);
    if (options.super_resolution) {
      const Image expected = Image::load(golden_path("nano/pipeline/greedy0_x4_crop.png"));
      EXPECT_LE(different_pixels(image.crop(160, 160, 192, 192), expected), 192 * 192 / 1000);
      const Golden cases("nano/pipeline/cases.safetensors");
      const at::Tensor means = cases.tensor("greedy0_x4_mean8x8").to(at::kFloat).contiguous();
      const float* mean = means.const_data_ptr<float>();
      for (int y = 0; y < 64; ++y) {
        for (int x = 0; x < 64; ++x) {
          for (int c = 0; c < 3; ++c) {
            int sum = 0;
            for (int k = 0; k < 64; ++k) sum += image.row(8 * y + k / 8)[3 * (8 * x + k % 8) + c];
            // Tiles no larger than needed differ a little from the reference at the edges.
            ASSERT_NEAR(sum / 64.0, mean[(y * 64 + x) * 3 + c], 1.0) << y << " " << x << " " << c;
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace kandinsky::testing
