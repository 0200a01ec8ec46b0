#include "progress_bar.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace kandinsky::cli {
namespace {

constexpr int bar_width = 20;

struct StageText {
  const char* name;
  const char* unit;
};

StageText text_of(Stage stage) {
  switch (stage) {
    case Stage::drawing:
      return {"drawing", "tokens"};
    case Stage::decoding:
      return {"decoding", "pictures"};
    case Stage::ranking:
      return {"ranking", "pictures"};
    default:
      return {"enlarging", "pictures"};
  }
}

std::string bar(int step, int steps) {
  const int full = steps > 0 ? static_cast<int>(static_cast<long long>(step) * bar_width / steps) : 0;
  std::string text;
  for (int i = 0; i < bar_width; ++i) text += i < full ? "█" : "░";
  return text;
}

int terminal_columns() {
  winsize size{};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

// The first `columns` characters of UTF-8 text.
std::string_view cut(std::string_view text, int columns) {
  std::size_t at = 0;
  for (; at < text.size(); ++at)
    if ((text[at] & 0xC0) != 0x80 && columns-- == 0) break;
  return text.substr(0, at);
}

bool is_terminal() {
  const char* kind = std::getenv("TERM");
  return isatty(STDERR_FILENO) == 1 && (kind == nullptr || std::string_view(kind) != "dumb");
}

}  // namespace

ProgressBar::ProgressBar() : terminal_(is_terminal()) {}

ProgressBar::~ProgressBar() { finish(); }

void ProgressBar::note(const std::string& text) {
  if (!terminal_) return;
  draw("  " + text);
  note_ = true;
}

void ProgressBar::show(const Progress& progress) {
  if (!terminal_) return;
  const Clock::time_point now = Clock::now();
  if (!started_ || progress.stage != stage_) {
    if (started_) finish();
    started_ = true;
    stage_ = progress.stage;
    stage_start_ = now;
  } else if (now - last_draw_ < std::chrono::milliseconds(50) && progress.step != progress.steps) {
    return;
  }
  last_draw_ = now;
  const auto [name, unit] = text_of(progress.stage);
  const double seconds = std::chrono::duration<double>(now - stage_start_).count();
  std::string line = fmt::format("  {:<9}  {}  {}/{} {}", name, bar(progress.step, progress.steps), progress.step,
                                 progress.steps, unit);
  if (progress.stage == Stage::drawing)
    line += fmt::format("  {} image{}", progress.images, progress.images == 1 ? "" : "s");
  draw(line + fmt::format("  {:.1f} s", seconds));
}

void ProgressBar::draw(const std::string& line) {
  fmt::print(stderr, "\r\x1b[K{}", cut(line, terminal_columns() - 1));
  std::fflush(stderr);
  line_open_ = true;
  note_ = false;
}

void ProgressBar::finish() {
  if (!line_open_) return;
  std::fputs(note_ ? "\r\x1b[K" : "\n", stderr);
  std::fflush(stderr);
  line_open_ = false;
  note_ = false;
}

}  // namespace kandinsky::cli
