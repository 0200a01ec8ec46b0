#include "serving/recorder.h"

#include <gtest/gtest.h>

#include <chrono>
#include <map>

#include "support/golden.h"
#include "support/patience.h"

namespace kandinsky::testing {
namespace {

constexpr auto longest = std::chrono::minutes(patience);

}  // namespace

Pipeline serving_model(int version) {
  static std::map<int, Pipeline> loaded;
  const auto known = loaded.find(version);
  if (known != loaded.end()) return known->second;
  PipelineOptions options;
  options.device = "cpu";
  options.precision = Precision::fp32;
  options.threads = 1;  // tests run beside each other
  if (version == 2) {
    options.transformer = serving_model().transformer().config();
    options.transformer->version = 2;
  }
  return loaded.emplace(version, Pipeline::load(nano_path(), options)).first->second;
}

void Recorder::on_progress(const Progress& state) {
  {
    const std::lock_guard lock(mutex_);
    progress.push_back(state);
  }
  changed_.notify_all();
  if (also_on_progress) also_on_progress(state);
}

void Recorder::on_preview(int number, int tokens, const Image& image) {
  const std::lock_guard lock(mutex_);
  previews.push_back({number, tokens, image});
}

void Recorder::on_picture(const Picture& picture) {
  const std::lock_guard lock(mutex_);
  EXPECT_FALSE(over_);
  pictures.push_back(picture);
}

void Recorder::on_done(const serving::Outcome& outcome) {
  ++endings_;
  const std::lock_guard lock(mutex_);
  outcome_ = outcome;
  over_ = true;
  changed_.notify_all();
}

serving::Outcome Recorder::wait() {
  std::unique_lock lock(mutex_);
  if (!changed_.wait_for(lock, longest, [this] { return over_; }))
    ADD_FAILURE() << "a request has not ended in " << longest.count() << " min";
  return outcome_;
}

bool Recorder::wait_for_step(int step) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, longest, [&] { return over_ || (!progress.empty() && progress.back().step >= step); });
}

std::shared_ptr<const PromptState> FakeDecoder::prefill(std::span<const std::int32_t>) {
  return std::make_shared<PromptState>();
}

void FakeDecoder::start(int slot, SlotRequest request) {
  EXPECT_EQ(positions_.at(slot), -1);
  positions_[slot] = 1;
  numbers_[slot] = request.number;
}

void FakeDecoder::step() {
  if (before_step) before_step();
  for (int& position : positions_)
    if (position >= 0 && position < length_) ++position;
}

DrawnTokens FakeDecoder::result(int slot) const {
  return {numbers_.at(slot), std::vector<std::int32_t>(positions_.at(slot), 0), 1.0};
}

void FakeDecoder::release(int slot) {
  EXPECT_NE(positions_.at(slot), -1);
  positions_[slot] = -1;
}

serving::Request quick(const std::string& client, int images) {
  serving::Request request;
  request.client = client;
  request.prompt = "кот";
  request.options.images = images;
  request.options.pick = 1;
  request.options.rank = false;
  request.options.super_resolution = false;
  return request;
}

}  // namespace kandinsky::testing
