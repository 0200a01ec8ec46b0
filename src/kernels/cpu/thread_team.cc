#include "kernels/cpu/thread_team.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace kandinsky::cpu {
namespace {

void relax() {
#if defined(__x86_64__)
  _mm_pause();
#endif
}

// Spins until ready() for about some ten microseconds. Who still waits then sleeps: with more threads than free cores,
// the one that all wait for must get a core.
template <typename Ready>
bool spin(Ready ready, int rounds) {
  for (int i = 0; i < rounds; ++i) {
    if (ready()) return true;
    relax();
  }
  return ready();
}

}  // namespace

ThreadTeam::ThreadTeam(int count) : count_(count < 1 ? 1 : count), errors_(count_) {
  threads_.reserve(count_ - 1);
  try {
    for (int i = 1; i < count_; ++i) threads_.emplace_back([this, i] { work(i); });
  } catch (...) {
    stop_ = true;
    ++generation_;
    generation_.notify_all();
    for (std::thread& thread : threads_) thread.join();
    throw;
  }
}

ThreadTeam::~ThreadTeam() {
  stop_ = true;
  ++generation_;
  generation_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void ThreadTeam::run_guarded(int thread) {
  try {
    (*body_)(thread);
  } catch (...) {
    errors_[thread] = std::current_exception();
  }
}

void ThreadTeam::work(int thread) {
  std::uint32_t seen = 0;
  for (;;) {
    if (!spin([&] { return generation_.load(std::memory_order_acquire) != seen; }, 4000)) generation_.wait(seen);
    if (stop_) return;
    const std::uint32_t now = generation_.load(std::memory_order_acquire);
    if (now == seen) continue;
    seen = now;
    run_guarded(thread);
    if (running_.fetch_sub(1, std::memory_order_release) == 1) running_.notify_all();
  }
}

void ThreadTeam::run(const std::function<void(int)>& body) {
  body_ = &body;
  running_.store(count_ - 1, std::memory_order_relaxed);
  generation_.fetch_add(1, std::memory_order_release);
  generation_.notify_all();
  run_guarded(0);
  while (!spin([this] { return running_.load(std::memory_order_acquire) == 0; }, 1000))
    if (const int left = running_.load(std::memory_order_acquire); left != 0)
      running_.wait(left, std::memory_order_acquire);
  for (std::exception_ptr& error : errors_) {
    if (!error) continue;
    std::exception_ptr first = error;
    for (std::exception_ptr& other : errors_) other = nullptr;
    std::rethrow_exception(first);
  }
}

void ThreadTeam::barrier() {
  if (count_ == 1) return;
  const std::uint32_t phase = phase_.load(std::memory_order_relaxed);
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) == count_ - 1) {
    arrived_.store(0, std::memory_order_relaxed);
    phase_.store(phase + 1, std::memory_order_release);
    phase_.notify_all();
    return;
  }
  if (!spin([&] { return phase_.load(std::memory_order_acquire) != phase; }, 2000))
    phase_.wait(phase, std::memory_order_acquire);
}

}  // namespace kandinsky::cpu
