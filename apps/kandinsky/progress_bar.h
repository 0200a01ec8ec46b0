#pragma once
#include <kandinsky/progress.h>

#include <chrono>
#include <string>

namespace kandinsky::cli {

// A line on stderr for each stage of the work, redrawn as it goes; silent unless stderr is a terminal.
class ProgressBar {
 public:
  ProgressBar();
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  // What happens before the first step; gone once there is something else to show.
  void note(const std::string& text);
  void show(const Progress& progress);
  // Leaves the line as it is and begins a new one.
  void finish();

 private:
  using Clock = std::chrono::steady_clock;

  void draw(const std::string& line);

  bool terminal_;
  bool line_open_ = false;
  bool note_ = false;
  Stage stage_ = Stage::drawing;
  bool started_ = false;
  Clock::time_point stage_start_;
  Clock::time_point last_draw_;
};

}  // namespace kandinsky::cli
