// A token loop that fails.
#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>

#include "kandinsky/error.h"
#include "serving/recorder.h"

namespace kandinsky::serving {
namespace {

using testing::FakeDecoder;
using testing::quick;
using testing::Recorder;
using testing::serving_model;

struct Faults {
  int decoders = 0;
  int decoders_allowed = 100;
  int step_that_fails = -1;
  int steps = 0;
};

std::unique_ptr<Engine> make(const std::shared_ptr<Faults>& faults) {
  EngineOptions options;
  options.batch = 2;
  options.threads = 1;
  return std::make_unique<Engine>(serving_model(), options, nullptr, [faults](int slots) {
    if (++faults->decoders > faults->decoders_allowed) throw Error(ErrorCode::out_of_memory, "", "no memory");
    auto decoder = std::make_unique<FakeDecoder>(slots, 256);
    decoder->before_step = [faults] {
      if (++faults->steps == faults->step_that_fails) throw std::runtime_error("the device fell off");
    };
    return decoder;
  });
}

TEST(EngineFaults, AFailedStepCostsWhatWasInIt) {
  const auto faults = std::make_shared<Faults>();
  faults->step_that_fails = 100;
  const auto engine = make(faults);
  const auto first = std::make_shared<Recorder>(), second = std::make_shared<Recorder>();
  std::vector<Submission> both;
  both.push_back({quick("a", 2), first});
  both.push_back({quick("a", 1), second});
  engine->submit(std::move(both));
  const Outcome lost = first->wait();
  EXPECT_EQ(lost.ending, Ending::failed);
  EXPECT_NE(lost.message.find("the device fell off"), std::string::npos) << lost.message;
  second->wait();
  const auto later = std::make_shared<Recorder>();
  engine->submit(quick("a"), later);
  EXPECT_EQ(later->wait().ending, Ending::done);
  EXPECT_EQ(faults->decoders, 2);
  EXPECT_FALSE(engine->state().broken);
  EXPECT_EQ(engine->state().active_slots, 0);
}

TEST(EngineFaults, IsBrokenWhenTheTokenLoopCannotBeMadeAgain) {
  const auto faults = std::make_shared<Faults>();
  faults->step_that_fails = 100;
  faults->decoders_allowed = 1;
  const auto engine = make(faults);
  std::vector<Submission> many;
  std::vector<std::shared_ptr<Recorder>> recorders;
  for (int i = 0; i < 6; ++i) many.push_back({quick("a", 2), recorders.emplace_back(std::make_shared<Recorder>())});
  engine->submit(std::move(many));
  for (const auto& recorder : recorders) EXPECT_EQ(recorder->wait().ending, Ending::failed);
  EXPECT_TRUE(engine->state().broken);
  EXPECT_EQ(engine->state().requests, 0);
  EXPECT_THROW(engine->submit(quick("a"), std::make_shared<Recorder>()), Error);
}

}  // namespace
}  // namespace kandinsky::serving
