#pragma once
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "metrics.h"
#include "params.h"
#include "serving/request.h"

namespace kandinsky::server {

// An event as Server-sent events have it; `data` is one line.
std::string event_text(std::string_view name, std::string_view data);

// What happens to one query, as events to be taken whenever the connection has room: of progress, and of each picture's
// previews, only the newest is kept, so that a slow reader costs no memory.
class EventSource : public serving::Listener {
 public:
  // `wake` is called, on a thread of the engine, when something is there that should not wait.
  EventSource(const Query& query, Metrics& metrics, std::function<void()> wake);

  void on_progress(const Progress& progress) override;
  void on_preview(int number, int tokens, const Image& image) override;
  void on_picture(const Picture& picture) override;
  void on_done(const serving::Outcome& outcome) override;

  // Events since the last call.
  std::string take();
  // Once all has been handed over but for the last event, which the caller makes.
  std::optional<serving::Outcome> outcome();
  int pictures() const;

 private:
  const ImageFormat format_;
  const int quality_;
  Metrics& metrics_;
  const std::function<void()> wake_;
  mutable std::mutex mutex_;
  std::optional<Progress> progress_;
  std::map<int, std::string> previews_;
  std::string pictures_;
  int picture_count_ = 0;
  std::optional<serving::Outcome> outcome_;
};

}  // namespace kandinsky::server
