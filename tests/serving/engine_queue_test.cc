// Who waits, who is refused, who is cut off.
#include <gtest/gtest.h>

#include <chrono>
#include <random>
#include <thread>
#include <vector>

#include "kandinsky/error.h"
#include "serving/recorder.h"

namespace kandinsky::serving {
namespace {

using testing::FakeDecoder;
using testing::quick;
using testing::Recorder;
using testing::serving_model;

class EngineQueue : public ::testing::Test {
 protected:
  std::unique_ptr<Engine> make(int batch, int queue, const std::function<void()>& before_step = {}) {
    EngineOptions options;
    options.batch = batch;
    options.queue = queue;
    options.threads = 1;
    return std::make_unique<Engine>(serving_model(), options, nullptr, [before_step](int slots) {
      auto decoder = std::make_unique<FakeDecoder>(slots, 256);
      decoder->before_step = before_step;
      return decoder;
    });
  }
  static std::function<void()> slow() {
    return [] { std::this_thread::sleep_for(std::chrono::milliseconds(1)); };
  }
  static void expect_empty(const Engine& engine) {
    const EngineState state = engine.state();
    EXPECT_EQ(state.requests, 0);
    EXPECT_EQ(state.active_slots, 0);
    EXPECT_EQ(state.waiting, 0);
    EXPECT_FALSE(state.broken);
  }
};

TEST_F(EngineQueue, IsBoundedAndTakesAllOrNone) {
  const auto engine = make(2, 1, slow());
  std::vector<std::shared_ptr<Recorder>> taken;
  for (int i = 0; i < 3; ++i) engine->submit(quick("a"), taken.emplace_back(std::make_shared<Recorder>()));
  const auto refused = std::make_shared<Recorder>();
  try {
    engine->submit(quick("b"), refused);
    FAIL();
  } catch (const QueueFull& full) {
    EXPECT_GE(full.retry_after, 1);
    EXPECT_LE(full.retry_after, 60);
  }
  for (const auto& recorder : taken) EXPECT_EQ(recorder->wait().ending, Ending::done);
  std::vector<Submission> four;
  for (int i = 0; i < 4; ++i) four.push_back({quick("c"), refused});
  EXPECT_THROW(engine->submit(four), QueueFull);
  EXPECT_EQ(refused->endings(), 0);
  expect_empty(*engine);
}

TEST_F(EngineQueue, RefusesWrongOptions) {
  const auto engine = make(1, 1);
  const auto recorder = std::make_shared<Recorder>();
  for (int images : {0, -1, 4097}) EXPECT_THROW(engine->submit(quick("a", images), recorder), Error);
  Request broken = quick("a");
  broken.prompt = "\xFF";
  EXPECT_THROW(engine->submit(broken, recorder), Error);
  EXPECT_EQ(recorder->endings(), 0);
  EXPECT_THROW(make(0, 1), Error);
  EXPECT_THROW(make(1, -1), Error);
}

TEST_F(EngineQueue, ALargeRequestDoesNotHoldUpASmallOne) {
  const auto engine = make(2, 8, slow());
  const auto large = std::make_shared<Recorder>(), small = std::make_shared<Recorder>();
  engine->submit(quick("a", 12), large);
  ASSERT_TRUE(large->wait_for_step(100));
  engine->submit(quick("b", 1), small);
  EXPECT_EQ(small->wait().ending, Ending::done);
  EXPECT_EQ(large->endings(), 0);
  EXPECT_EQ(large->wait().ending, Ending::done);
}

TEST_F(EngineQueue, CancelsWhatWaitsAndWhatIsDrawn) {
  const auto engine = make(1, 8, slow());
  const auto drawn = std::make_shared<Recorder>(), waits = std::make_shared<Recorder>(),
             stays = std::make_shared<Recorder>();
  const auto first = engine->submit(quick("a", 4), drawn);
  const auto second = engine->submit(quick("a", 4), waits);
  engine->submit(quick("a"), stays);
  ASSERT_TRUE(drawn->wait_for_step(10));
  second->cancel();
  EXPECT_EQ(waits->wait().ending, Ending::cancelled);
  first->cancel();
  EXPECT_EQ(drawn->wait().ending, Ending::cancelled);
  EXPECT_TRUE(drawn->pictures.empty());
  EXPECT_EQ(stays->wait().ending, Ending::done);
  first->cancel();  // has no effect any more
  expect_empty(*engine);
}

TEST_F(EngineQueue, CancelsWhatIsBeingFinished) {
  const auto engine = make(4, 8);
  const auto recorder = std::make_shared<Recorder>();
  Request request = quick("a", 4);
  request.options.pick = 4;
  request.options.super_resolution = true;
  std::shared_ptr<Ticket> ticket;
  std::mutex mutex;
  recorder->also_on_progress = [&](const Progress& progress) {
    if (progress.stage != Stage::enlarging) return;
    const std::lock_guard lock(mutex);
    ticket->cancel();
  };
  {
    const std::lock_guard lock(mutex);
    ticket = engine->submit(request, recorder);
  }
  EXPECT_EQ(recorder->wait().ending, Ending::cancelled);
  EXPECT_LT(recorder->pictures.size(), 4u);
  expect_empty(*engine);
}

TEST_F(EngineQueue, EndsAtTheDeadline) {
  const auto engine = make(1, 8, slow());
  const auto drawn = std::make_shared<Recorder>(), waits = std::make_shared<Recorder>();
  Request request = quick("a", 8);
  const auto start = Clock::now();
  request.deadline = start + std::chrono::milliseconds(150);
  engine->submit(request, drawn);
  engine->submit(request, waits);
  EXPECT_EQ(drawn->wait().ending, Ending::deadline);
  EXPECT_EQ(waits->wait().ending, Ending::deadline);
  EXPECT_LT(Clock::now() - start, std::chrono::seconds(2));
  const auto late = std::make_shared<Recorder>();
  request.deadline = Clock::now() - std::chrono::seconds(1);
  engine->submit(request, late);
  EXPECT_EQ(late->wait().ending, Ending::deadline);
  expect_empty(*engine);
}

TEST_F(EngineQueue, TellsEveryoneWhenItGoes) {
  std::vector<std::shared_ptr<Recorder>> recorders;
  {
    const auto engine = make(2, 16, slow());
    for (int i = 0; i < 10; ++i) engine->submit(quick("a", 3), recorders.emplace_back(std::make_shared<Recorder>()));
    recorders[0]->wait_for_step(5);
  }
  for (const auto& recorder : recorders) {
    EXPECT_EQ(recorder->wait().ending, Ending::stopped);
    EXPECT_EQ(recorder->endings(), 1);
  }
}

// Many clients that submit, cancel and run out of time at random: each request ends once, and nothing is left behind.
TEST_F(EngineQueue, LeaksNothing) {
  const auto engine = make(4, 12);
  std::atomic<int> done{0}, refused{0}, other{0};
  std::vector<std::thread> clients;
  for (int client = 0; client < 4; ++client)
    clients.emplace_back([&, client] {
      std::mt19937 random(client);
      for (int i = 0; i < 60; ++i) {
        const auto recorder = std::make_shared<Recorder>();
        Request request = quick(std::to_string(client), 1 + random() % 6);
        request.options.preview_every = random() % 3 == 0 ? 16 : 0;
        if (random() % 4 == 0) request.deadline = Clock::now() + std::chrono::milliseconds(random() % 30);
        std::shared_ptr<Ticket> ticket;
        try {
          ticket = engine->submit(request, recorder);
        } catch (const QueueFull&) {
          ++refused;
          std::this_thread::sleep_for(std::chrono::milliseconds(2));
          continue;
        }
        if (random() % 3 == 0) {
          std::this_thread::sleep_for(std::chrono::milliseconds(random() % 10));
          ticket->cancel();
        }
        if (random() % 2 == 0) continue;  // nobody waits for it
        const Outcome outcome = recorder->wait();
        EXPECT_EQ(recorder->endings(), 1);
        EXPECT_EQ(recorder->pictures.size(), outcome.ending == Ending::done ? 1u : recorder->pictures.size());
        ++(outcome.ending == Ending::done ? done : other);
      }
    });
  for (std::thread& client : clients) client.join();
  for (int i = 0; i < 600 && engine->state().requests > 0; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  expect_empty(*engine);
  EXPECT_GT(done, 0);
  EXPECT_GT(other, 0);
}

}  // namespace
}  // namespace kandinsky::serving
