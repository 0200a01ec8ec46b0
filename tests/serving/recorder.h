#pragma once
#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "serving/engine.h"
#include "transformer/decoder.h"

namespace kandinsky::testing {

// The bundled model on the CPU with one thread. `version` 2 reads its weights as an older model's.
Pipeline serving_model(int version = 3);

// Remembers all that is told of a request.
class Recorder : public serving::Listener {
 public:
  void on_progress(const Progress& progress) override;
  void on_preview(int number, int tokens, const Image& image) override;
  void on_picture(const Picture& picture) override;
  void on_done(const serving::Outcome& outcome) override;

  // Waits for the end, at most a minute (with sanitizers, ten).
  serving::Outcome wait();
  bool wait_for_step(int step);
  int endings() const { return endings_; }

  struct Preview {
    int number;
    int tokens;
    Image image;
  };
  std::vector<Picture> pictures;  // read after wait()
  std::vector<Preview> previews;
  std::vector<Progress> progress;
  std::function<void(const Progress&)> also_on_progress;

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::atomic<int> endings_{0};
  serving::Outcome outcome_;
  bool over_ = false;
};

// Draws nothing but zeros, at once.
class FakeDecoder : public Decoder {
 public:
  FakeDecoder(int slots, int length) : length_(length), positions_(slots, -1), numbers_(slots, 0) {}

  int slots() const override { return static_cast<int>(positions_.size()); }
  std::shared_ptr<const PromptState> prefill(std::span<const std::int32_t>) override;
  void start(int slot, SlotRequest request) override;
  void step() override;
  int position(int slot) const override { return positions_.at(slot); }
  DrawnTokens result(int slot) const override;
  std::vector<float> newest_logits(int) const override { return {}; }
  void release(int slot) override;

  std::function<void()> before_step;

 private:
  int length_;
  std::vector<int> positions_;
  std::vector<int> numbers_;
};

// A request for `images` of which one is kept, neither ranked nor enlarged.
serving::Request quick(const std::string& client, int images = 1);

}  // namespace kandinsky::testing
