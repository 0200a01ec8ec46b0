#include "serving/engine.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "core/fail.h"
#include "pipeline/generate_options.h"
#include "pipeline/memory_estimate.h"
#include "serving/engine_impl.h"

namespace kandinsky::serving {
namespace {

double seconds_between(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

EngineOptions checked(const EngineOptions& options) {
  const auto check = [](const char* name, int value, int least, int most) {
    if (value < least || value > most)
      kandinsky::fail(ErrorCode::invalid_argument, name, "{} is not a whole number from {} to {}", value, least, most);
  };
  check("batch", options.batch, 1, 4096);
  check("queue", options.queue, 0, 1 << 20);
  check("finishers", options.finishers, 1, 64);
  return options;
}

}  // namespace

std::optional<Outcome> Job::over(Clock::time_point now) const {
  if (cancelled) return Outcome{Ending::cancelled, "cancelled"};
  if (now >= request.deadline)
    return Outcome{Ending::deadline, fmt::format("not done in {:.3g} s", seconds_between(arrived, request.deadline))};
  return std::nullopt;
}

Engine::Impl::Impl(Pipeline model, const EngineOptions& engine_options, Meter* engine_meter, MakeDecoder decoder_maker)
    : pipeline(std::move(model)),
      options(checked(engine_options)),
      meter(engine_meter),
      make_decoder(std::move(decoder_maker)),
      length(pipeline.transformer().config().image_length()),
      turns(pipeline.transformer().device() == "cpu") {
  decoder = make_decoder(batch_that_fits(pipeline.transformer(), options.batch));
  slots.resize(decoder->slots());
  threads.emplace_back([this] { draw(); });
  for (int i = 0; i < options.finishers; ++i) threads.emplace_back([this] { finish_tasks(); });
}

Engine::Impl::~Impl() {
  {
    const std::lock_guard lock(mutex);
    stop = true;
  }
  drawing_wanted.notify_all();
  finishing_wanted.notify_all();
  for (std::thread& thread : threads) thread.join();
  while (!jobs.empty()) {
    const std::shared_ptr<Job> job = jobs.begin()->second;
    end(job, {Ending::stopped, "the engine has been stopped"});
  }
}

void Engine::Impl::add_all(const std::vector<std::shared_ptr<Job>>& added) {
  const std::lock_guard lock(mutex);
  if (broken) kandinsky::fail(ErrorCode::internal, "", "the token loop has failed and could not be made again");
  if (jobs.size() + added.size() > slots.size() + static_cast<std::size_t>(options.queue))
    throw QueueFull(std::clamp(seconds_an_end, 1.0, 60.0));
  for (const std::shared_ptr<Job>& job : added) {
    job->id = next_id++;
    jobs.emplace(job->id, job);
    if (job->request.options.image_prompt) {
      job->phase = Phase::preparing;
      tasks.push_back({Task::Kind::prepare, job});
      finishing_wanted.notify_one();
    } else {
      queue.add(job->id, job->request.client, job->request.options.images);
      drawing_wanted.notify_one();
    }
  }
}

void Engine::Impl::end(const std::shared_ptr<Job>& job, const Outcome& outcome) {
  {
    const std::lock_guard lock(mutex);
    if (job->phase == Phase::ended) return;
    job->phase = Phase::ended;
    job->previews.clear();
    jobs.erase(job->id);
    const Clock::time_point now = Clock::now();
    seconds_an_end += 0.1 * (seconds_between(last_end, now) - seconds_an_end);
    last_end = now;
  }
  job->listener->on_done(outcome);
}

void Engine::Impl::report_stage(std::string_view name, Clock::time_point from, Clock::time_point to) const {
  if (meter != nullptr) meter->stage(name, seconds_between(from, to));
}

Engine::Engine(Pipeline pipeline, const EngineOptions& options, Meter* meter, MakeDecoder make_decoder)
    : impl_(std::make_unique<Impl>(std::move(pipeline), options, meter, std::move(make_decoder))) {}

Engine::Engine(const Pipeline& pipeline, const EngineOptions& options, Meter* meter)
    : Engine(pipeline, options, meter,
             [transformer = pipeline.transformer()](int slots) { return make_decoder(transformer, slots); }) {}

Engine::~Engine() = default;

std::vector<std::shared_ptr<Ticket>> Engine::submit(std::vector<Submission> submissions) {
  const Pipeline& model = impl_->pipeline;
  std::vector<std::shared_ptr<Job>> jobs;
  for (Submission& submission : submissions) {
    const GenerateOptions& options = submission.request.options;
    check(options);
    check_prompt(submission.request.prompt);
    auto job = std::make_shared<Job>();
    job->arrived = Clock::now();
    const GenerateOptions defaults = model.default_options();
    job->sampling = sampling_options(options, {defaults.top_k, defaults.top_p, defaults.temperature});
    job->text =
        model.tokenizer().encode_for_transformer(submission.request.prompt, model.transformer().config().text_length);
    job->request = std::move(submission.request);
    job->request.options.on_progress = {};
    job->request.options.on_preview = {};
    job->request.options.on_picture = {};
    job->listener = std::move(submission.listener);
    jobs.push_back(std::move(job));
  }
  impl_->add_all(jobs);
  return {jobs.begin(), jobs.end()};
}

std::shared_ptr<Ticket> Engine::submit(Request request, std::shared_ptr<Listener> listener) {
  std::vector<Submission> one;
  one.push_back({std::move(request), std::move(listener)});
  return submit(std::move(one)).front();
}

EngineState Engine::state() const {
  EngineState state;
  state.active_slots = impl_->active_slots;
  const std::lock_guard lock(impl_->mutex);
  state.slots = static_cast<int>(impl_->slots.size());
  state.requests = static_cast<int>(impl_->jobs.size());
  state.broken = impl_->broken;
  for (const auto& [id, job] : impl_->jobs)
    if (job->phase != Phase::drawing && job->phase != Phase::finishing) ++state.waiting;
  return state;
}

const Pipeline& Engine::pipeline() const { return impl_->pipeline; }

}  // namespace kandinsky::serving
