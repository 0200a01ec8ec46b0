#include "log.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <mutex>
#include <string>

namespace kandinsky::server {
namespace {

std::atomic<LogLevel> least{LogLevel::info};
constexpr std::array<const char*, 4> names = {"debug", "info", "warning", "error"};

std::string now() {
  const auto time = std::chrono::system_clock::now();
  const auto milliseconds =
      std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count() % 1000;
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(std::chrono::system_clock::to_time_t(time)),
                     milliseconds);
}

}  // namespace

void set_log_level(LogLevel level) noexcept { least = level; }

void log(LogLevel level, std::string_view event, const nlohmann::ordered_json& fields) {
  if (level < least) return;
  nlohmann::ordered_json line = {{"time", now()}, {"level", names[static_cast<std::size_t>(level)]}, {"event", event}};
  for (const auto& [key, value] : fields.items()) line[key] = value;
  const std::string text = line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t count = write(STDERR_FILENO, text.data() + done, text.size() - done);
    if (count <= 0) return;  // nobody reads the log
    done += static_cast<std::size_t>(count);
  }
}

}  // namespace kandinsky::server
