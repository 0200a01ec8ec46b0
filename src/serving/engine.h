#pragma once
#include <functional>
#include <memory>
#include <span>
#include <stdexcept>
#include <vector>

#include "kandinsky/pipeline.h"
#include "serving/request.h"

namespace kandinsky {
class Decoder;
}

namespace kandinsky::serving {

struct EngineOptions {
  int batch = 8;    // slots of the token loop, fewer where memory is short
  int queue = 64;   // requests that may be here besides `batch` of them
  int threads = 0;  // of the token loop; 0: one a core
  // Threads that make pictures of tokens. More of them let small requests pass large ones.
  int finishers = 2;
};

// The queue is full.
struct QueueFull : std::runtime_error {
  explicit QueueFull(double seconds) : std::runtime_error("the queue is full"), retry_after(seconds) {}
  double retry_after;  // seconds after which it is worth to try again, a guess
};

struct EngineState {
  int slots = 0;
  int active_slots = 0;
  int requests = 0;  // in the engine
  int waiting = 0;   // of these, not started, or drawn and not being finished yet
  bool broken = false;
};

// A request in work.
class Ticket {
 public:
  virtual ~Ticket() = default;
  // Ends the request soon, unless it has ended. Any thread, any number of times.
  virtual void cancel() = 0;
};

// A request with whom to tell.
struct Submission {
  Request request;
  std::shared_ptr<Listener> listener;
};

// Continuous batching. One thread runs the token loop over `batch` slots; a request's pictures enter free slots at the
// next step, beside those of others, and leave when they are complete. Other threads make, rank and enlarge the
// pictures. A request's pictures are those of Pipeline::generate with the same prompt and options, whoever else is
// here.
//
// All member functions may be called from several threads at once.
class Engine {
 public:
  // Throws Error: invalid_argument, out_of_memory. `meter` must outlive the engine.
  Engine(const Pipeline& pipeline, const EngineOptions& options, Meter* meter = nullptr);
  // Ends what is in work with Ending::stopped, and returns when every listener has been told.
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Takes all or none. Listeners are called from now on, perhaps before this returns.
  // Throws Error (invalid_argument) that names the option, and QueueFull.
  std::vector<std::shared_ptr<Ticket>> submit(std::vector<Submission> submissions);
  std::shared_ptr<Ticket> submit(Request request, std::shared_ptr<Listener> listener);

  EngineState state() const;
  const Pipeline& pipeline() const;

  // For tests: a token loop of their own.
  using MakeDecoder = std::function<std::unique_ptr<Decoder>(int slots)>;
  Engine(Pipeline pipeline, const EngineOptions& options, Meter* meter, MakeDecoder make_decoder);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace kandinsky::serving
