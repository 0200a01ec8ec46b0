#pragma once
#include <chrono>
#include <string>
#include <string_view>

#include "kandinsky/pipeline.h"

namespace kandinsky::serving {

using Clock = std::chrono::steady_clock;

// What one caller asks for.
struct Request {
  std::string client;  // slots are shared out fairly between clients
  std::string prompt;
  // The callbacks and `batch` are not looked at.
  GenerateOptions options;
  Clock::time_point deadline = Clock::time_point::max();
};

// How a request ended.
enum class Ending {
  done,
  invalid,    // an argument that only the model could check
  cancelled,  // by its ticket
  deadline,
  stopped,  // the engine went away
  failed,
};

struct Outcome {
  Ending ending = Ending::done;
  std::string message;  // empty if done
};

// Hears of one request. Called on the engine's threads, by one at a time but on_progress and on_preview, which may
// overlap on_done. Must not throw, and must not wait for the engine.
class Listener {
 public:
  virtual ~Listener() = default;
  // Steps of `drawing` are the ids of all images together.
  virtual void on_progress(const Progress&) {}
  // A picture as far as it is drawn.
  virtual void on_preview(int /*number*/, int /*tokens*/, const Image&) {}
  // A kept picture, best first. May take its time: the token loop goes on.
  virtual void on_picture(const Picture&) {}
  // Once, last.
  virtual void on_done(const Outcome&) = 0;
};

// Counts what the engine does. Called on its threads.
class Meter {
 public:
  virtual ~Meter() = default;
  // A request left a stage: waiting, drawing, decoding, ranking, enlarging.
  virtual void stage(std::string_view /*name*/, double /*seconds*/) {}
  // A step of the token loop, which drew this many ids.
  virtual void step(int /*tokens*/) {}
  // Pictures that were drawn whole.
  virtual void images(int /*count*/) {}
};

}  // namespace kandinsky::serving
