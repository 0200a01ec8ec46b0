#pragma once

namespace kandinsky::cli {

// SIGINT and SIGTERM end the program with exit code 130: at once, or, while a StopLater lives, when the work
// next looks at interrupted(). A second signal does not wait. Writing to a closed pipe becomes an error
// instead of a signal.
void install_signal_handlers();

// Files are written while one of these lives, so that they are whole.
class StopLater {
 public:
  StopLater() noexcept;
  ~StopLater();
  StopLater(const StopLater&) = delete;
  StopLater& operator=(const StopLater&) = delete;
};

}  // namespace kandinsky::cli
