// The threads that make pictures of tokens.
#include <array>
#include <exception>
#include <mutex>
#include <utility>

#include "kandinsky/error.h"
#include "pipeline/finish_pictures.h"
#include "pipeline/preview.h"
#include "serving/engine_impl.h"
#include "tensor/compute_device.h"
#include "tensor/torch_error.h"

namespace kandinsky::serving {
namespace {

constexpr std::array<std::string_view, 4> stage_names = {"drawing", "decoding", "ranking", "enlarging"};

// How long a request was in each stage. Progress is reported at the end of a piece of work.
class StageClock {
 public:
  void mark(Stage stage) {
    const Clock::time_point now = Clock::now();
    spent_[static_cast<int>(stage)] += now - last_;
    last_ = now;
  }
  void report(Meter& meter) const {
    for (std::size_t i = 1; i < stage_names.size(); ++i)
      if (spent_[i] > Clock::duration::zero())
        meter.stage(stage_names[i], std::chrono::duration<double>(spent_[i]).count());
  }

 private:
  Clock::time_point last_ = Clock::now();
  std::array<Clock::duration, stage_names.size()> spent_{};
};

}  // namespace

void Engine::Impl::finish_tasks() {
  const ThreadScope scope(options.threads);
  for (;;) {
    Task task;
    {
      std::unique_lock lock(mutex);
      finishing_wanted.wait(lock, [this] { return stop || !tasks.empty(); });
      if (stop) return;
      task = std::move(tasks.front());
      tasks.pop_front();
    }
    switch (task.kind) {
      case Task::Kind::prepare:
        prepare(task.job);
        break;
      case Task::Kind::finish:
        finish(task.job);
        break;
      case Task::Kind::preview:
        preview(task.job);
        break;
    }
  }
}

// Makes ids of an image prompt.
void Engine::Impl::prepare(const std::shared_ptr<Job>& job) {
  if (const std::optional<Outcome> outcome = job->over(Clock::now())) return end(job, *outcome);
  try {
    const std::lock_guard turn(turns);
    job->forced = guarded("encoding the image prompt",
                          [&] { return pipeline.encode_image_prompt(*job->request.options.image_prompt); });
    job->request.options.image_prompt.reset();
  } catch (const Error& error) {
    return end(job, {error.code() == ErrorCode::invalid_argument ? Ending::invalid : Ending::failed, error.what()});
  } catch (const std::exception& error) {
    return end(job, {Ending::failed, error.what()});
  }
  bool lost = false;
  {
    const std::lock_guard lock(mutex);
    lost = broken;
    if (!lost) {
      job->phase = Phase::waiting;
      queue.add(job->id, job->request.client, job->request.options.images);
    }
  }
  if (lost) return end(job, {Ending::failed, "the token loop has failed"});
  drawing_wanted.notify_one();
}

std::vector<Picture> Engine::Impl::make_pictures(Job& job) {
  StageClock clock;
  GenerateOptions with_callbacks = job.request.options;
  with_callbacks.on_progress = [&](const Progress& progress) {
    clock.mark(progress.stage);
    if (stop || job.over(Clock::now())) return false;
    job.listener->on_progress(progress);
    turns.yield();
    return true;
  };
  with_callbacks.on_picture = [&](const Picture& picture) {
    clock.mark(Stage::enlarging);
    turns.unlock();
    job.listener->on_picture(picture);
    turns.lock();
    clock.mark(Stage::drawing);  // not counted
  };
  std::vector<Picture> pictures;
  {
    const std::lock_guard turn(turns);
    clock.mark(Stage::drawing);
    pictures = guarded("making pictures", [&] {
      return finish_pictures(pipeline, job.request.prompt, std::move(job.pictures), with_callbacks);
    });
  }
  if (meter != nullptr) clock.report(*meter);
  return pictures;
}

void Engine::Impl::finish(const std::shared_ptr<Job>& job) {
  {
    const std::lock_guard lock(mutex);
    job->phase = Phase::finishing;
  }
  Outcome outcome;
  if (std::optional<Outcome> over = job->over(Clock::now())) return end(job, *over);
  try {
    make_pictures(*job);
  } catch (const std::exception& error) {
    outcome = job->over(Clock::now())
                  .value_or(stop ? Outcome{Ending::stopped, "the engine has been stopped"}
                                 : Outcome{Ending::failed, error.what()});
  }
  end(job, outcome);
}

// One picture; others of the request go behind what else waits.
void Engine::Impl::preview(const std::shared_ptr<Job>& job) {
  int number = 0;
  std::vector<std::int32_t> tokens;
  {
    const std::lock_guard lock(mutex);
    if (job->previews.empty()) {
      job->preview_queued = false;
      return;
    }
    const auto first = job->previews.begin();
    number = first->first;
    tokens = std::move(first->second);
    job->previews.erase(first);
  }
  if (!job->over(Clock::now())) {
    try {
      const Image image = guarded("previewing", [&] {
        const std::lock_guard turn(turns);
        return kandinsky::preview(pipeline.vqgan(), tokens, pipeline.transformer().config().grid);
      });
      job->listener->on_preview(number, static_cast<int>(tokens.size()), image);
    } catch (const std::exception&) {
      // A preview that cannot be made is not missed; the picture itself will say why.
    }
  }
  const std::lock_guard lock(mutex);
  job->preview_queued = !job->previews.empty();
  if (!job->preview_queued) return;
  tasks.push_back({Task::Kind::preview, job});
  finishing_wanted.notify_one();
}

}  // namespace kandinsky::serving
