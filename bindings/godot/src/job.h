#pragma once
// One picture-making in the background, over kandinsky.h: knows nothing of the engine.
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "kandinsky.h"

namespace kandinsky_godot {

using Model = std::shared_ptr<kandinsky_pipeline>;

// What the node's properties say.
struct Settings {
  std::string model_directory = "res://models/emojich-nano";
  std::string device = "auto";
  std::int64_t dtype = KANDINSKY_PRECISION_AUTO;
  std::int64_t threads = 0;
  std::string prompt = "красное сердце на синем фоне";
  std::int64_t images = 4;
  std::int64_t pick = 1;
  std::int64_t seed = 0;
  std::int64_t top_k = -1;
  double top_p = 0;
  double temperature = 0;
  bool rank = true;
  bool super_resolution = true;
  std::int64_t preview_every = 0;
};

struct Pixels {
  int width = 0;
  int height = 0;
  std::vector<std::uint8_t> rgb;  // rows from the top, without gaps
};

struct Outcome {
  std::vector<Pixels> pictures;  // best first
  std::string failure;           // empty: none
  bool cancelled = false;
  Model model;  // what was loaded, for the next job
};

// What happened since the mail was last taken.
struct Mail {
  std::optional<double> fraction;
  std::optional<Pixels> preview;  // of the first image
  std::optional<Outcome> outcome;
};

class Job {
 public:
  // `model` is used if it is not null, else loaded from settings.model_directory. `wake` is called on the job's thread
  // whenever there is mail and the last has been taken.
  Job(Settings settings, Model model, std::function<void()> wake);
  // Cancels and waits.
  ~Job();
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;

  void cancel();
  // Cancels; `wake` is not called any more once this has returned.
  void abandon();
  Mail take();

 private:
  void run();
  Outcome make();
  void post(const std::function<void(Mail&)>& write);
  static std::int32_t on_progress(void* user, const kandinsky_progress* progress);
  static std::int32_t on_preview(void* user, std::int32_t number, std::int32_t tokens, const kandinsky_image* image);

  Settings settings_;
  Model model_;
  std::mutex mutex_;
  std::function<void()> wake_;
  Mail mail_;
  bool announced_ = false;
  std::unique_ptr<kandinsky_cancel, void (*)(kandinsky_cancel*)> cancel_;
  std::thread thread_;
};

}  // namespace kandinsky_godot
