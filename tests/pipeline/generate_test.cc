#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <thread>

#include "pipeline/nano.h"
#include "support/golden.h"

namespace kandinsky::testing {
namespace {

constexpr const char* prompt = "красное сердце на синем фоне";

GenerateOptions small(int images) {
  GenerateOptions options = nano().default_options();
  options.images = images;
  options.pick = images;
  options.seed = 7;
  options.super_resolution = false;
  return options;
}

std::map<int, Picture> by_number(std::vector<Picture> pictures) {
  std::map<int, Picture> result;
  for (Picture& picture : pictures) result.emplace(picture.number, std::move(picture));
  return result;
}

void expect_same(const std::map<int, Picture>& a, const std::map<int, Picture>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (const auto& [number, picture] : a) {
    SCOPED_TRACE(number);
    const Picture& other = b.at(number);
    EXPECT_EQ(picture.tokens, other.tokens);
    EXPECT_EQ(picture.ppl, other.ppl);
    EXPECT_NEAR(picture.clip_score.value(), other.clip_score.value(), 1e-5);
    EXPECT_TRUE(picture.image == other.image);
  }
}

TEST(Generate, DependsNeitherOnBatchNorThreads) {
  GenerateOptions options = small(8);
  const std::map<int, Picture> expected = by_number(nano().generate(prompt, options));
  ASSERT_EQ(expected.size(), 8u);
  for (const int batch : {1, 3}) {
    SCOPED_TRACE(batch);
    options.batch = batch;
    expect_same(expected, by_number(nano().generate(prompt, options)));
  }
  options.batch = 8;
  PipelineOptions loading;
  loading.device = "cpu";
  loading.threads = 2;
  loading.super_resolution = false;
  expect_same(expected, by_number(Pipeline::load(nano_path(), loading).generate(prompt, options)));
}

TEST(Generate, ShowsPreviewsOfEveryImage) {
  GenerateOptions options = small(2);
  const std::map<int, Picture> expected = by_number(nano().generate(prompt, options));
  std::vector<std::pair<int, int>> seen;
  options.preview_every = 96;
  options.on_preview = [&](int number, int tokens, const Image& image) {
    seen.emplace_back(number, tokens);
    EXPECT_EQ(image.width(), 128);
    EXPECT_EQ(image.height(), 128);
    const auto grey = [](std::uint8_t value) { return value == 128; };
    const int rows = tokens / 16 * 8;
    EXPECT_FALSE(std::all_of(image.row(0), image.row(0) + std::size_t(rows) * 128 * 3, grey));
    EXPECT_TRUE(std::all_of(image.row(rows), image.row(0) + image.pixels().size(), grey));
    return true;
  };
  expect_same(expected, by_number(nano().generate(prompt, options)));
  EXPECT_EQ(seen, (std::vector<std::pair<int, int>>{{0, 96}, {1, 96}, {0, 192}, {1, 192}}));
}

TEST(Generate, APreviewCancels) {
  GenerateOptions options = small(1);
  options.preview_every = 1;
  int calls = 0;
  options.on_preview = [&](int, int, const Image&) { return ++calls < 3; };
  EXPECT_EQ(error_of([&] { nano().generate(prompt, options); }).code(), ErrorCode::cancelled);
  EXPECT_EQ(calls, 3);
}

TEST(Generate, TokensOfANumberStayWhenMoreAreDrawn) {
  GenerateOptions options = small(2);
  const std::map<int, Picture> two = by_number(nano().generate(prompt, options));
  options.images = options.pick = 5;
  const std::map<int, Picture> five = by_number(nano().generate(prompt, options));
  for (const auto& [number, picture] : two) {
    EXPECT_EQ(picture.tokens, five.at(number).tokens);
    EXPECT_EQ(picture.ppl, five.at(number).ppl);
  }
  std::set<std::vector<std::int32_t>> distinct;
  for (const auto& [number, picture] : five) distinct.insert(picture.tokens);
  EXPECT_EQ(distinct.size(), 5u);
}

TEST(Generate, SeedsMatter) {
  GenerateOptions options = small(1);
  const std::vector<Picture> first = nano().generate(prompt, options);
  EXPECT_EQ(first.at(0).seed, 7u);
  options.seed = (1ull << 63) + 7;
  const std::vector<Picture> second = nano().generate(prompt, options);
  EXPECT_EQ(second.at(0).seed, options.seed);
  EXPECT_NE(first.at(0).tokens, second.at(0).tokens);
}

TEST(Generate, SortsBestFirst) {
  GenerateOptions options = small(4);
  options.pick = 3;
  const std::vector<Picture> ranked = nano().generate(prompt, options);
  ASSERT_EQ(ranked.size(), 3u);
  EXPECT_GE(ranked[0].clip_score.value(), ranked[1].clip_score.value());
  EXPECT_GE(ranked[1].clip_score.value(), ranked[2].clip_score.value());

  options.rank = false;
  const std::vector<Picture> unranked = nano().generate(prompt, options);
  ASSERT_EQ(unranked.size(), 3u);
  EXPECT_LE(unranked[0].ppl, unranked[1].ppl);
  EXPECT_LE(unranked[1].ppl, unranked[2].ppl);
  EXPECT_FALSE(unranked[0].clip_score.has_value());
}

TEST(Generate, GoesOnWithoutRuClipAndRealEsrgan) {
  PipelineOptions loading;
  loading.device = "cpu";
  loading.rank = false;
  loading.super_resolution = false;
  const Pipeline pipeline = Pipeline::load(nano_path(), loading);
  EXPECT_EQ(pipeline.ruclip(), nullptr);
  EXPECT_EQ(pipeline.real_esrgan(), nullptr);
  GenerateOptions options = small(2);
  options.super_resolution = true;
  const std::vector<Picture> pictures = pipeline.generate(prompt, options);
  ASSERT_EQ(pictures.size(), 2u);
  EXPECT_LE(pictures[0].ppl, pictures[1].ppl);
  EXPECT_FALSE(pictures[0].clip_score.has_value());
  EXPECT_EQ(pictures[0].image.width(), 128);
}

TEST(Generate, ReportsEveryStage) {
  GenerateOptions options = small(3);
  options.pick = 2;
  options.batch = 2;
  options.super_resolution = true;
  std::map<Stage, std::vector<Progress>> seen;
  std::vector<Stage> order;
  const std::thread::id caller = std::this_thread::get_id();
  options.on_progress = [&](const Progress& progress) {
    EXPECT_EQ(std::this_thread::get_id(), caller);
    seen[progress.stage].push_back(progress);
    if (order.empty() || order.back() != progress.stage) order.push_back(progress.stage);
    return true;
  };
  int handed_over = 0;
  options.on_picture = [&](const Picture& picture) {
    EXPECT_EQ(picture.image.width(), 512);
    ++handed_over;
  };
  const std::vector<Picture> pictures = nano().generate(prompt, options);
  EXPECT_EQ(handed_over, 2);
  EXPECT_EQ(order, (std::vector<Stage>{Stage::drawing, Stage::decoding, Stage::ranking, Stage::enlarging}));
  for (const auto& [stage, steps] : seen) {
    SCOPED_TRACE(static_cast<int>(stage));
    EXPECT_EQ(steps.back().step, steps.back().steps);
    for (std::size_t i = 0; i < steps.size(); ++i) {
      EXPECT_EQ(steps[i].steps, steps[0].steps);
      EXPECT_GE(steps[i].images, 1);
      EXPECT_GE(steps[i].step, steps[i == 0 ? 0 : i - 1].step);
    }
  }
  // Two rounds of 256 tokens, of two images and of one.
  EXPECT_EQ(seen[Stage::drawing].size(), 512u);
  EXPECT_EQ(seen[Stage::drawing].back().steps, 512);
  EXPECT_EQ(seen[Stage::drawing].front().images, 2);
  EXPECT_EQ(seen[Stage::drawing].back().images, 1);
  EXPECT_EQ(seen[Stage::decoding].back().steps, 3);
  EXPECT_EQ(seen[Stage::ranking].back().steps, 3);
  EXPECT_EQ(seen[Stage::enlarging].back().steps, 2);
}

TEST(Generate, CancelsAtEveryStage) {
  for (const Stage stage : {Stage::drawing, Stage::decoding, Stage::ranking, Stage::enlarging}) {
    SCOPED_TRACE(static_cast<int>(stage));
    GenerateOptions options = small(2);
    options.super_resolution = true;
    int calls_after = 0;
    bool cancelled = false;
    options.on_progress = [&](const Progress& progress) {
      calls_after += cancelled ? 1 : 0;
      const bool stop = progress.stage == stage && (stage != Stage::drawing || progress.step == 10);
      cancelled |= stop;
      return !stop;
    };
    EXPECT_EQ(error_of([&] { nano().generate(prompt, options); }).code(), ErrorCode::cancelled);
    EXPECT_EQ(calls_after, 0);
  }
}

TEST(Generate, HandsOverPicturesBeforeALaterOneIsCancelled) {
  GenerateOptions options = small(2);
  options.super_resolution = true;
  std::vector<Picture> kept;
  options.on_picture = [&](const Picture& picture) { kept.push_back(picture); };
  options.on_progress = [&](const Progress& progress) {
    return progress.stage != Stage::enlarging || progress.step < 1;
  };
  EXPECT_EQ(error_of([&] { nano().generate(prompt, options); }).code(), ErrorCode::cancelled);
  ASSERT_EQ(kept.size(), 1u);
  EXPECT_EQ(kept[0].image.width(), 512);
}

TEST(Generate, PassesOnWhatACallbackThrows) {
  GenerateOptions options = small(1);
  options.rank = false;
  options.on_progress = [](const Progress&) -> bool { throw std::runtime_error("mine"); };
  EXPECT_THROW(nano().generate(prompt, options), std::runtime_error);
  EXPECT_EQ(nano().generate("", small(1)).size(), 1u);  // still sound
}

TEST(Generate, TakesAnyTextThatIsUtf8) {
  using namespace std::string_literals;
  EXPECT_EQ(nano().generate("", small(1)).size(), 1u);
  EXPECT_EQ(nano().generate("нуль\0внутри"s, small(1)).size(), 1u);
  EXPECT_EQ(nano().generate(std::string(4000, 'a') + " \xF0\x9F\x90\xB1", small(1)).size(), 1u);
  for (const std::string& bad : {"кот\xFF"s, "\xC0\x80"s, "\xED\xA0\x80"s, "\xD0"s}) {
    const Error error = error_of([&] { nano().generate(bad, small(1)); });
    EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
    EXPECT_EQ(error.subject(), "prompt");
  }
}

TEST(Generate, RunsOnSeveralThreadsAtOnce) {
  const GenerateOptions options = small(2);
  const std::map<int, Picture> expected = by_number(nano().generate(prompt, options));
  std::map<int, Picture> found[2];
  std::thread other([&] { found[0] = by_number(nano().generate(prompt, options)); });
  found[1] = by_number(nano().generate(prompt, options));
  other.join();
  expect_same(expected, found[0]);
  expect_same(expected, found[1]);
}

}  // namespace
}  // namespace kandinsky::testing
