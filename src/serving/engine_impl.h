#pragma once
#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "serving/engine.h"
#include "serving/fair_queue.h"
#include "serving/turns.h"
#include "transformer/decoder.h"

namespace kandinsky::serving {

enum class Phase { preparing, waiting, drawing, drawn, finishing, ended };

// A request in work. Who may touch it follows from its phase: finishers while it is being prepared or finished, the
// drawing thread while it waits or is drawn.
struct Job : Ticket {
  FairQueue::Id id = 0;
  Request request;
  std::shared_ptr<Listener> listener;
  SamplingOptions sampling;
  std::vector<std::int32_t> text;
  std::vector<std::int32_t> forced;
  Clock::time_point arrived;
  Clock::time_point started;  // its first picture
  std::atomic<bool> cancelled{false};
  Phase phase = Phase::waiting;  // guarded by the engine's mutex

  std::shared_ptr<const PromptState> prompt;
  int next_number = 0;
  int tokens_done = 0;  // of pictures that are whole
  int tokens_now = 0;
  int slots_now = 0;
  std::vector<Picture> pictures;  // drawn

  // Guarded by the engine's mutex: the newest ids of each picture to preview.
  std::map<int, std::vector<std::int32_t>> previews;
  bool preview_queued = false;

  void cancel() override { cancelled = true; }
  // Why it has to end before its time.
  std::optional<Outcome> over(Clock::time_point now) const;
};

struct Engine::Impl {
  struct Task {
    enum class Kind { prepare, finish, preview } kind;
    std::shared_ptr<Job> job;
  };
  struct Slot {
    std::shared_ptr<Job> job;  // null: free
    int number = 0;
    bool running = false;  // in the decoder
  };

  Impl(Pipeline model, const EngineOptions& engine_options, Meter* engine_meter, MakeDecoder decoder_maker);
  ~Impl();

  void add_all(const std::vector<std::shared_ptr<Job>>& jobs);
  void end(const std::shared_ptr<Job>& job, const Outcome& outcome);
  void report_stage(std::string_view name, Clock::time_point from, Clock::time_point to) const;

  // The drawing thread (drawing.cc).
  void draw();
  bool admit();
  void sweep();
  void start_pictures();
  void step();
  void collect();
  void report_progress();
  void queue_previews();
  void leave(Slot& slot);
  void fail(const std::shared_ptr<Job>& job, const Outcome& outcome);
  void recover(const std::string& message);

  // Finishers (finishing.cc).
  void finish_tasks();
  void prepare(const std::shared_ptr<Job>& job);
  void finish(const std::shared_ptr<Job>& job);
  void preview(const std::shared_ptr<Job>& job);
  std::vector<Picture> make_pictures(Job& job);

  const Pipeline pipeline;
  const EngineOptions options;
  Meter* const meter;
  const MakeDecoder make_decoder;
  const int length;  // ids of a picture

  Turns turns;
  std::unique_ptr<Decoder> decoder;
  std::vector<Slot> slots;  // of the drawing thread
  std::atomic<int> active_slots{0};
  Clock::time_point swept;

  mutable std::mutex mutex;
  std::condition_variable drawing_wanted;
  std::condition_variable finishing_wanted;
  std::map<FairQueue::Id, std::shared_ptr<Job>> jobs;  // all that have not ended
  FairQueue queue;
  std::deque<Task> tasks;
  FairQueue::Id next_id = 1;
  Clock::time_point last_end = Clock::now();
  double seconds_an_end = 1;  // smoothed
  bool broken = false;
  std::atomic<bool> stop{false};

  std::vector<std::thread> threads;
};

}  // namespace kandinsky::serving
