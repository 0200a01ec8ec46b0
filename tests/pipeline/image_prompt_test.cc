// Image prompts: tests/data/goldens/README.md, numbers 24 and 25.
#include <gtest/gtest.h>

#include "pipeline/nano.h"
#include "support/golden.h"

namespace kandinsky::testing {
namespace {

ImagePrompt prompt_of(const nlohmann::json& info) {
  ImagePrompt prompt;
  prompt.image = Image::load(golden_path("nano/pictures/" + info.at("picture").get<std::string>() + ".png"));
  const auto& borders = info.at("borders");
  prompt.up = borders.at("up");
  prompt.down = borders.at("down");
  prompt.left = borders.at("left");
  prompt.right = borders.at("right");
  prompt.crop_first = info.at("crop_first");
  return prompt;
}

TEST(ImagePrompt, ForcesTheIdsOfTheReference) {
  const Golden golden("nano/prompts/cases.safetensors");
  for (const auto& info : golden.info().at("cases")) {
    const std::string name = info.at("name");
    SCOPED_TRACE(name);
    const std::vector<std::int32_t> ids = golden.ints(name + ".ids");
    const std::vector<bool> mask = golden.bits(name + ".mask", 256);
    const std::vector<std::int32_t> forced = nano().encode_image_prompt(prompt_of(info));
    ASSERT_EQ(forced.size(), 256u);
    int kept = 0;
    for (int i = 0; i < 256; ++i) {
      EXPECT_EQ(forced[i], mask[i] ? ids[i] : -1) << i;
      kept += forced[i] >= 0 ? 1 : 0;
    }
    EXPECT_EQ(kept, info.at("kept").get<int>());
  }
}

TEST(ImagePrompt, IsGoneOnFrom) {
  const Golden golden("nano/prompts/cases.safetensors");
  for (const auto& info : golden.info().at("cases")) {
    if (!info.contains("ppl")) continue;
    const std::string name = info.at("name");
    SCOPED_TRACE(name);
    GenerateOptions options;
    options.images = 1;
    options.greedy = true;
    options.super_resolution = false;
    options.image_prompt = prompt_of(info);
    const std::vector<Picture> pictures = nano().generate(info.at("text").get<std::string>(), options);
    ASSERT_EQ(pictures.size(), 1u);
    EXPECT_EQ(pictures[0].tokens, golden.ints(name + ".greedy_ids"));
    const double ppl = info.at("ppl");
    EXPECT_NEAR(pictures[0].ppl, ppl, 2e-3 * ppl);
  }
}

TEST(ImagePrompt, KeepsEverythingWhenBordersCoverTheGrid) {
  ImagePrompt prompt;
  prompt.image = Image::load(golden_path("nano/pictures/e0.png"));
  prompt.up = 16;
  EXPECT_EQ(nano().encode_image_prompt(prompt), nano().vqgan().encode(prompt.image));
  prompt.up = 0;
  EXPECT_EQ(nano().encode_image_prompt(prompt), std::vector<std::int32_t>(256, -1));
}

TEST(ImagePrompt, RefusesOtherSizesAndBorders) {
  ImagePrompt prompt;
  prompt.image = Image(128, 120);
  prompt.up = 1;
  const Error size = error_of([&] { nano().encode_image_prompt(prompt); });
  EXPECT_EQ(size.code(), ErrorCode::invalid_argument);
  EXPECT_STREQ(size.what(), "image prompt: is 128x120 pixels, expected 128x128");

  prompt.image = Image(128, 128);
  prompt.up = 17;
  EXPECT_STREQ(error_of([&] { nano().encode_image_prompt(prompt); }).what(),
               "up: 17 tokens of the image prompt is not from 0 to 16");
  prompt.up = 0;
  prompt.right = -1;
  EXPECT_EQ(error_of([&] { nano().encode_image_prompt(prompt); }).subject(), "right");
}

}  // namespace
}  // namespace kandinsky::testing
