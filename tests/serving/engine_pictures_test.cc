// Requests get the pictures of Pipeline::generate, whoever their neighbours are.
#include <gtest/gtest.h>

#include <chrono>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "serving/recorder.h"

namespace kandinsky::serving {
namespace {

using testing::Recorder;
using testing::serving_model;

const std::vector<std::string> prompts = {"красное сердце на синем фоне", "кот", "", "зелёное яблоко"};

Request request(int variant) {
  Request request;
  request.client = "client " + std::to_string(variant % 3);
  request.prompt = prompts[variant % prompts.size()];
  GenerateOptions& options = request.options;
  options.images = 1 + variant % 3;
  options.pick = 2;
  options.seed = 100 + variant;
  options.super_resolution = variant % 4 == 3;
  options.rank = variant % 2 == 0;
  if (variant % 3 == 1) options.temperature = 0.7;
  if (variant % 3 == 2) options.top_k = 64;
  if (variant % 5 == 4) options.top_p = 0.5;
  return request;
}

void expect_same(const std::vector<Picture>& made, const std::vector<Picture>& expected) {
  ASSERT_EQ(made.size(), expected.size());
  for (std::size_t i = 0; i < made.size(); ++i) {
    EXPECT_EQ(made[i].number, expected[i].number);
    EXPECT_EQ(made[i].seed, expected[i].seed);
    EXPECT_EQ(made[i].tokens, expected[i].tokens);
    EXPECT_EQ(made[i].ppl, expected[i].ppl);
    EXPECT_EQ(made[i].clip_score, expected[i].clip_score);
    EXPECT_TRUE(made[i].image == expected[i].image);
  }
}

void join_at_random(const Pipeline& model, int batch, int requests) {
  EngineOptions options;
  options.batch = batch;
  options.threads = 1;
  Engine engine(model, options);
  std::mt19937 random(batch);
  std::vector<std::shared_ptr<Recorder>> recorders;
  for (int i = 0; i < requests; ++i) {
    recorders.push_back(std::make_shared<Recorder>());
    engine.submit(request(i), recorders.back());
    std::this_thread::sleep_for(std::chrono::milliseconds(random() % 120));
  }
  for (int i = 0; i < requests; ++i) {
    SCOPED_TRACE(i);
    const Outcome outcome = recorders[i]->wait();
    EXPECT_EQ(outcome.ending, Ending::done) << outcome.message;
    expect_same(recorders[i]->pictures, model.generate(request(i).prompt, request(i).options));
    EXPECT_EQ(recorders[i]->endings(), 1);
  }
  EXPECT_EQ(engine.state().requests, 0);
  EXPECT_EQ(engine.state().active_slots, 0);
}

TEST(EnginePictures, AreThoseOfGenerate) { join_at_random(serving_model(), 4, 8); }
TEST(EnginePictures, OfOneSlot) { join_at_random(serving_model(), 1, 3); }
TEST(EnginePictures, OfAnOlderModel) { join_at_random(serving_model(2), 3, 4); }

TEST(EnginePictures, OfAnImagePrompt) {
  const Pipeline model = serving_model();
  EngineOptions options;
  options.batch = 2;
  options.threads = 1;
  Engine engine(model, options);
  const auto neighbour = std::make_shared<Recorder>(), prompted = std::make_shared<Recorder>();
  engine.submit(request(0), neighbour);
  Request with_prompt = request(1);
  ImagePrompt prompt;
  prompt.image = model.generate("кот", request(1).options).front().image;
  prompt.up = 8;
  with_prompt.options.image_prompt = prompt;
  engine.submit(with_prompt, prompted);
  EXPECT_EQ(prompted->wait().ending, Ending::done);
  expect_same(prompted->pictures, model.generate(with_prompt.prompt, with_prompt.options));

  const auto wrong = std::make_shared<Recorder>();
  with_prompt.options.image_prompt->image = Image(8, 8);
  engine.submit(with_prompt, wrong);
  const Outcome outcome = wrong->wait();
  EXPECT_EQ(outcome.ending, Ending::invalid);
  EXPECT_EQ(outcome.message, "image prompt: is 8x8 pixels, expected 128x128");
  EXPECT_EQ(neighbour->wait().ending, Ending::done);
}

TEST(EnginePictures, ProgressAndPreviews) {
  EngineOptions options;
  options.batch = 2;
  options.threads = 1;
  Engine engine(serving_model(), options);
  const auto recorder = std::make_shared<Recorder>();
  Request wanted = request(2);  // three pictures in two slots, ranked
  wanted.options.preview_every = 64;
  wanted.options.super_resolution = true;
  engine.submit(wanted, recorder);
  ASSERT_EQ(recorder->wait().ending, Ending::done);
  int last = 0, stages = 0;
  Stage stage = Stage::drawing;
  for (const Progress& progress : recorder->progress) {
    if (progress.stage == Stage::drawing) {
      EXPECT_EQ(progress.steps, 3 * 256);
      EXPECT_GT(progress.step, last);
      EXPECT_LE(progress.images, 2);
      last = progress.step;
    }
    if (progress.stage != stage) ++stages;
    stage = progress.stage;
  }
  EXPECT_GT(last, 700);
  EXPECT_EQ(stages, 3);  // decoding, ranking, enlarging
  ASSERT_FALSE(recorder->previews.empty());
  for (const Recorder::Preview& preview : recorder->previews) {
    EXPECT_EQ(preview.tokens % 64, 0);
    EXPECT_EQ(preview.image.width(), 128);
    EXPECT_EQ(preview.image.row(127)[0], 128);  // not drawn yet: grey
    EXPECT_NE(preview.image.crop(0, 0, 128, preview.tokens / 2), Image(128, preview.tokens / 2));
  }
}

}  // namespace
}  // namespace kandinsky::serving
