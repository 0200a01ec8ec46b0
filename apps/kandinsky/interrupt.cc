#include "interrupt.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>

#include "program.h"

namespace kandinsky::cli {
namespace {

std::atomic<int> signals{0};
std::atomic<int> waiting{0};
static_assert(std::atomic<int>::is_always_lock_free, "the signal handler uses them");

bool on_terminal = false;

// Only what a signal handler may call.
[[noreturn]] void exit_interrupted_now() noexcept {
  constexpr char message[] = "\nkandinsky: interrupted\n";
  const int skipped = on_terminal ? 0 : 1;  // the line with the progress bar ends first
  const auto ignored = write(STDERR_FILENO, message + skipped, sizeof message - 1 - skipped);
  static_cast<void>(ignored);
  _exit(exit_interrupted);
}

void on_signal(int) {
  if (signals.fetch_add(1) > 0 || waiting.load() == 0) exit_interrupted_now();
}

}  // namespace

void install_signal_handlers() {
  on_terminal = isatty(STDERR_FILENO) == 1;
  struct sigaction action = {};
  action.sa_handler = on_signal;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  action.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &action, nullptr);
}

StopLater::StopLater() noexcept { waiting.fetch_add(1); }
StopLater::~StopLater() { waiting.fetch_sub(1); }

}  // namespace kandinsky::cli
