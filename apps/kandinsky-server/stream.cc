#include "stream.h"

#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <exception>
#include <utility>

#include "pictures.h"

namespace kandinsky::server {
namespace {

constexpr int preview_quality = 80;

const char* name_of(Stage stage) {
  switch (stage) {
    case Stage::drawing:
      return "drawing";
    case Stage::decoding:
      return "decoding";
    case Stage::ranking:
      return "ranking";
    case Stage::enlarging:
      return "enlarging";
  }
  return "";
}

std::string number(double value) { return std::isfinite(value) ? fmt::format("{}", value) : "null"; }

}  // namespace

std::string event_text(std::string_view name, std::string_view data) {
  return fmt::format("event: {}\ndata: {}\n\n", name, data);
}

EventSource::EventSource(const Query& query, Metrics& metrics, std::function<void()> wake)
    : format_(query.format), quality_(query.quality), metrics_(metrics), wake_(std::move(wake)) {}

void EventSource::on_progress(const Progress& progress) {
  const std::lock_guard lock(mutex_);
  progress_ = progress;
}

void EventSource::on_preview(int number, int tokens, const Image& image) {
  try {
    std::string data = fmt::format(R"({{"number": {}, "tokens": {}, "image": "{}"}})", number, tokens,
                                   base64_of(image, ImageFormat::jpeg, preview_quality));
    const std::lock_guard lock(mutex_);
    if (picture_count_ == 0 && !outcome_) previews_[number] = std::move(data);
  } catch (const std::exception&) {
    // The next preview may do.
  }
}

void EventSource::on_picture(const Picture& picture) {
  const auto start = serving::Clock::now();
  try {
    const EncodedPicture made = encode(picture, format_, quality_, /*base64=*/true);
    const std::string score = made.clip_score ? number(*made.clip_score) : "null";
    const std::lock_guard lock(mutex_);
    previews_.clear();
    pictures_ += event_text(
        "picture",
        fmt::format(R"({{"index": {}, "number": {}, "seed": {}, "ppl": {}, "clip_score": {}, "format": "{}", )"
                    R"("width": {}, "height": {}, "image": "{}"}})",
                    picture_count_++, made.number, made.seed, number(made.ppl), score,
                    format_ == ImageFormat::png ? "png" : "jpeg", made.width, made.height, made.data));
  } catch (const std::exception& error) {
    const std::lock_guard lock(mutex_);
    if (!outcome_) outcome_ = {serving::Ending::failed, error.what()};
  }
  metrics_.stage("encoding", std::chrono::duration<double>(serving::Clock::now() - start).count());
  wake_();
}

void EventSource::on_done(const serving::Outcome& outcome) {
  {
    const std::lock_guard lock(mutex_);
    if (!outcome_) outcome_ = outcome;
  }
  wake_();
}

std::string EventSource::take() {
  const std::lock_guard lock(mutex_);
  std::string text;
  if (progress_)
    text += event_text("progress",
                       fmt::format(R"({{"stage": "{}", "step": {}, "steps": {}, "images": {}}})",
                                   name_of(progress_->stage), progress_->step, progress_->steps, progress_->images));
  for (const auto& [number, data] : previews_) text += event_text("preview", data);
  text += pictures_;
  progress_.reset();
  previews_.clear();
  pictures_.clear();
  return text;
}

std::optional<serving::Outcome> EventSource::outcome() {
  const std::lock_guard lock(mutex_);
  if (!pictures_.empty()) return std::nullopt;
  return outcome_;
}

int EventSource::pictures() const {
  const std::lock_guard lock(mutex_);
  return picture_count_;
}

}  // namespace kandinsky::server
