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

void on_signal(int) {
  if (signals.fetch_add(1) > 0 || waiting.load() == 0) _exit(exit_interrupted);
}

}  // namespace

void install_signal_handlers() {
  struct sigaction action = {};
  action.sa_handler = on_signal;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  action.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &action, nullptr);
}

bool interrupted() noexcept {
  return signals.load() > 0;
}

StopLater::StopLater() noexcept {
  waiting.fetch_add(1);
}
StopLater::~StopLater() {
  waiting.fetch_sub(1);
}

}  // namespace kandinsky::cli
