// The thread of the token loop.
#include <algorithm>
#include <exception>
#include <utility>

#include "kandinsky/error.h"
#include "serving/engine_impl.h"
#include "tensor/compute_device.h"
#include "tensor/torch_error.h"

namespace kandinsky::serving {
namespace {

// Requests that wait are looked at this often for whether they must end.
constexpr auto sweep_every = std::chrono::milliseconds(20);

Outcome failure(const std::exception& error) { return {Ending::failed, error.what()}; }

}  // namespace

void Engine::Impl::draw() {
  const ThreadScope scope(options.threads);
  while (admit()) {
    sweep();
    turns.lock();
    start_pictures();
    try {
      guarded("drawing", [this] { step(); });
    } catch (const std::exception& error) {
      recover(error.what());
    }
    collect();
    turns.unlock();
    report_progress();
  }
}

// Waits until there is something to draw and gives free slots to pictures. False: stop.
bool Engine::Impl::admit() {
  std::unique_lock lock(mutex);
  drawing_wanted.wait(lock, [this] { return stop || active_slots > 0 || queue.waiting(); });
  if (stop) return false;
  for (Slot& slot : slots) {
    if (slot.job) continue;
    const std::optional<FairQueue::Id> id = queue.next();
    if (!id) break;
    slot.job = jobs.at(*id);
    slot.number = slot.job->next_number++;
    slot.running = false;
    ++active_slots;
    if (slot.number > 0) continue;
    slot.job->phase = Phase::drawing;
    slot.job->started = Clock::now();
    report_stage("waiting", slot.job->arrived, slot.job->started);
  }
  return true;
}

// Ends what was cancelled or is too late.
void Engine::Impl::sweep() {
  const Clock::time_point now = Clock::now();
  if (now - swept < sweep_every) return;
  swept = now;
  std::vector<std::pair<std::shared_ptr<Job>, Outcome>> over;
  {
    const std::lock_guard lock(mutex);
    for (const auto& [id, job] : jobs)
      if (job->phase == Phase::waiting || job->phase == Phase::drawing)
        if (std::optional<Outcome> outcome = job->over(now)) over.emplace_back(job, std::move(*outcome));
  }
  for (const auto& [job, outcome] : over) fail(job, outcome);
}

void Engine::Impl::start_pictures() {
  for (std::size_t i = 0; i < slots.size(); ++i) {
    Slot& slot = slots[i];
    if (!slot.job || slot.running) continue;
    const std::shared_ptr<Job> job = slot.job;
    try {
      guarded("drawing", [&] {
        if (!job->prompt) job->prompt = decoder->prefill(job->text);
        decoder->start(static_cast<int>(i),
                       {job->prompt, job->sampling, job->request.options.seed, slot.number, job->forced});
      });
      slot.running = true;
      if (slot.number + 1 == job->request.options.images) job->prompt.reset();
    } catch (const std::exception& error) {
      fail(job, failure(error));
    }
  }
}

void Engine::Impl::step() {
  int drawing = 0;
  for (std::size_t i = 0; i < slots.size(); ++i)
    if (slots[i].running && decoder->position(static_cast<int>(i)) < length) ++drawing;
  if (drawing == 0) return;
  decoder->step();
  if (meter != nullptr) meter->step(drawing);
}

// Takes out pictures that are whole; hands over requests whose pictures all are.
void Engine::Impl::collect() {
  queue_previews();
  for (std::size_t i = 0; i < slots.size(); ++i) {
    Slot& slot = slots[i];
    if (!slot.running || decoder->position(static_cast<int>(i)) < length) continue;
    const std::shared_ptr<Job> job = slot.job;
    try {
      DrawnTokens drawn = guarded("drawing", [&] { return decoder->result(static_cast<int>(i)); });
      Picture& picture = job->pictures.emplace_back();
      picture.number = drawn.number;
      picture.seed = job->request.options.seed;
      picture.ppl = drawn.ppl;
      picture.tokens = std::move(drawn.tokens);
    } catch (const std::exception& error) {
      fail(job, failure(error));
      continue;
    }
    leave(slot);
    job->tokens_done += length;
    if (meter != nullptr) meter->images(1);
    if (static_cast<int>(job->pictures.size()) < job->request.options.images) continue;
    report_stage("drawing", job->started, Clock::now());
    std::ranges::sort(job->pictures, {}, &Picture::number);
    const std::lock_guard lock(mutex);
    job->phase = Phase::drawn;
    job->previews.clear();
    tasks.push_back({Task::Kind::finish, job});
    finishing_wanted.notify_one();
  }
}

void Engine::Impl::queue_previews() {
  for (std::size_t i = 0; i < slots.size(); ++i) {
    const Slot& slot = slots[i];
    if (!slot.running) continue;
    const int every = slot.job->request.options.preview_every;
    const int position = decoder->position(static_cast<int>(i));
    if (every == 0 || position == 0 || position == length || position % every != 0) continue;
    std::vector<std::int32_t> tokens;
    try {
      tokens = guarded("drawing", [&] { return decoder->result(static_cast<int>(i)).tokens; });
    } catch (const std::exception&) {
      continue;  // will come up when the picture is whole
    }
    const std::lock_guard lock(mutex);
    slot.job->previews[slot.number] = std::move(tokens);
    if (std::exchange(slot.job->preview_queued, true)) continue;
    tasks.push_back({Task::Kind::preview, slot.job});
    finishing_wanted.notify_one();
  }
}

void Engine::Impl::report_progress() {
  for (const Slot& slot : slots)
    if (slot.running) slot.job->tokens_now = slot.job->tokens_done;
  for (std::size_t i = 0; i < slots.size(); ++i) {
    if (!slots[i].running) continue;
    slots[i].job->tokens_now += decoder->position(static_cast<int>(i));
    ++slots[i].job->slots_now;
  }
  for (const Slot& slot : slots) {
    if (!slot.running) continue;
    const int count = std::exchange(slot.job->slots_now, 0);
    if (count > 0)
      slot.job->listener->on_progress(
          {Stage::drawing, slot.job->tokens_now, slot.job->request.options.images * length, count});
  }
}

void Engine::Impl::leave(Slot& slot) {
  if (slot.running) decoder->release(static_cast<int>(&slot - slots.data()));
  {
    const std::lock_guard lock(mutex);
    queue.leave(slot.job->id);
  }
  slot = {};
  --active_slots;
}

// Ends a request that waits or is drawn.
void Engine::Impl::fail(const std::shared_ptr<Job>& job, const Outcome& outcome) {
  {
    const std::lock_guard lock(mutex);
    queue.drop(job->id);
  }
  for (Slot& slot : slots)
    if (slot.job == job) leave(slot);
  job->prompt.reset();
  end(job, outcome);
}

// A step failed: what was in it is lost, what waits is not, if the token loop can be made again.
void Engine::Impl::recover(const std::string& message) {
  for (Slot& slot : slots) slot.running = false;  // the decoder goes as a whole
  decoder.reset();
  while (true) {
    const auto slot = std::ranges::find_if(slots, [](const Slot& s) { return s.job != nullptr; });
    if (slot == slots.end()) break;
    fail(std::shared_ptr<Job>(slot->job), {Ending::failed, message});
  }
  try {
    decoder = guarded("making the token loop again", [this] { return make_decoder(static_cast<int>(slots.size())); });
    if (decoder->slots() == static_cast<int>(slots.size())) return;
  } catch (const std::exception&) {
  }
  std::vector<std::shared_ptr<Job>> waiting;
  {
    const std::lock_guard lock(mutex);
    broken = true;
    for (const auto& [id, job] : jobs)
      if (job->phase == Phase::waiting) waiting.push_back(job);
  }
  for (const std::shared_ptr<Job>& job : waiting) fail(job, {Ending::failed, message});
}

}  // namespace kandinsky::serving
