#include "job.h"

#include <cstring>
#include <limits>

namespace kandinsky_godot {
namespace {

Pixels pixels_of(const kandinsky_image* image) {
  Pixels made{kandinsky_image_width(image), kandinsky_image_height(image), {}};
  const std::size_t row = std::size_t(made.width) * 3, stride = kandinsky_image_stride(image);
  made.rgb.resize(row * std::size_t(made.height));
  for (std::size_t y = 0; y < std::size_t(made.height); ++y)
    std::memcpy(made.rgb.data() + y * row, kandinsky_image_pixels(image) + y * stride, row);
  return made;
}

kandinsky_cancel* new_cancel() {
  kandinsky_cancel* cancel = nullptr;
  kandinsky_cancel_new(&cancel, nullptr);
  return cancel;
}

// The engine's integers have 64 bits. False, and a message, for what C cannot take.
bool narrow(const char* name, std::int64_t value, std::int32_t& to, std::string& failure) {
  if (value < std::numeric_limits<std::int32_t>::min() || value > std::numeric_limits<std::int32_t>::max()) {
    failure = std::string(name) + ": " + std::to_string(value) + " is out of range";
    return false;
  }
  to = std::int32_t(value);
  return true;
}

}  // namespace

Job::Job(Settings settings, Model model, std::function<void()> wake)
    : settings_(std::move(settings)),
      model_(std::move(model)),
      wake_(std::move(wake)),
      cancel_(new_cancel(), kandinsky_cancel_release) {
  thread_ = std::thread([this] { run(); });
}

Job::~Job() {
  abandon();
  thread_.join();
}

void Job::cancel() { kandinsky_cancel_trigger(cancel_.get()); }

void Job::abandon() {
  cancel();
  const std::lock_guard lock(mutex_);
  wake_ = nullptr;
}

Mail Job::take() {
  const std::lock_guard lock(mutex_);
  announced_ = false;
  Mail taken = std::move(mail_);
  mail_ = {};
  return taken;
}

void Job::post(const std::function<void(Mail&)>& write) {
  const std::lock_guard lock(mutex_);
  write(mail_);
  if (announced_ || !wake_) return;
  announced_ = true;
  wake_();
}

void Job::run() {
  Outcome outcome;
  try {
    outcome = make();
  } catch (const std::exception& exception) {  // the system's: no memory
    outcome.failure = exception.what();
  }
  outcome.model = model_;
  post([&](Mail& mail) { mail.outcome = std::move(outcome); });
}

Outcome Job::make() {
  Outcome outcome;
  kandinsky_error error;
  const auto failed = [&](kandinsky_status status) {
    if (status == KANDINSKY_OK) return false;
    outcome.cancelled = status == KANDINSKY_CANCELLED;
    if (!outcome.cancelled) outcome.failure = error.message;
    return true;
  };
  if (!model_) {
    kandinsky_pipeline_options options;
    kandinsky_pipeline_options_init(&options);
    options.compute.device = settings_.device.c_str();
    if (!narrow("dtype", settings_.dtype, options.compute.precision, outcome.failure) ||
        !narrow("threads", settings_.threads, options.compute.threads, outcome.failure))
      return outcome;
    kandinsky_pipeline* pipeline = nullptr;
    if (failed(kandinsky_pipeline_load(settings_.model_directory.c_str(), &options, &pipeline, &error))) return outcome;
    model_ = Model(pipeline, kandinsky_pipeline_release);
  }

  kandinsky_generate_options options;
  kandinsky_generate_options_init(&options);
  if (!narrow("images", settings_.images, options.images, outcome.failure) ||
      !narrow("pick", settings_.pick, options.pick, outcome.failure) ||
      !narrow("top_k", settings_.top_k, options.top_k, outcome.failure) ||
      !narrow("preview_every", settings_.preview_every, options.preview_every, outcome.failure))
    return outcome;
  options.top_p = settings_.top_p;
  options.temperature = settings_.temperature;
  options.seed = std::uint64_t(settings_.seed);
  options.rank = settings_.rank;
  options.super_resolution = settings_.super_resolution;
  options.progress = on_progress;
  options.progress_user = this;
  if (options.preview_every != 0) options.preview = on_preview;
  options.preview_user = this;
  options.cancel = cancel_.get();
  kandinsky_pictures* list = nullptr;
  if (failed(kandinsky_pipeline_generate(model_.get(), settings_.prompt.c_str(), &options, &list, &error)))
    return outcome;
  const std::unique_ptr<kandinsky_pictures, void (*)(kandinsky_pictures*)> pictures(list, kandinsky_pictures_release);
  for (std::size_t i = 0; i < kandinsky_pictures_count(list); ++i)
    outcome.pictures.push_back(pixels_of(kandinsky_pictures_image(list, i)));
  return outcome;
}

std::int32_t Job::on_progress(void* user, const kandinsky_progress* progress) {
  // Drawing takes most of the time; the other stages share the rest.
  constexpr double begin[] = {0, 0.85, 0.88, 0.9, 1};
  const double part = progress->steps ? double(progress->step) / progress->steps : 1;
  const double fraction = begin[progress->stage] + (begin[progress->stage + 1] - begin[progress->stage]) * part;
  try {
    static_cast<Job*>(user)->post([&](Mail& mail) { mail.fraction = fraction; });
  } catch (...) {
    return 1;
  }
  return 0;
}

std::int32_t Job::on_preview(void* user, std::int32_t number, std::int32_t, const kandinsky_image* image) {
  if (number != 0) return 0;
  try {
    Pixels pixels = pixels_of(image);
    static_cast<Job*>(user)->post([&](Mail& mail) { mail.preview = std::move(pixels); });
  } catch (...) {
    return 1;
  }
  return 0;
}

}  // namespace kandinsky_godot
