#pragma once
#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <thread>
#include <vector>

namespace kandinsky::cpu {

// Threads that run one function together, many times a second, and meet at barriers inside it. They spin for a moment
// before they sleep: a step of the token loop has dozens of barriers a millisecond.
class ThreadTeam {
 public:
  // `count` threads, the calling one included; at least 1.
  explicit ThreadTeam(int count);
  ~ThreadTeam();
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;

  int size() const { return count_; }

  // Runs body(0) here and body(1..size-1) on the others; returns when all are done. An exception that leaves a body is
  // thrown on here; a body that throws must not leave others waiting at a barrier, so let it throw after the last one.
  void run(const std::function<void(int)>& body);

  // Inside a body: waits for all.
  void barrier();

  // The part of 0..total-1 that a thread works on.
  struct Range {
    int first;
    int last;
  };
  Range share(int thread, int total) const {
    return {static_cast<int>(std::int64_t{total} * thread / count_),
            static_cast<int>(std::int64_t{total} * (thread + 1) / count_)};
  }

 private:
  void work(int thread);
  void run_guarded(int thread);

  const int count_;
  const std::function<void(int)>* body_ = nullptr;
  std::atomic<std::uint32_t> generation_{0};
  std::atomic<int> running_{0};
  std::atomic<bool> stop_{false};
  alignas(64) std::atomic<int> arrived_{0};
  alignas(64) std::atomic<std::uint32_t> phase_{0};
  std::vector<std::exception_ptr> errors_;
  std::vector<std::thread> threads_;
};

}  // namespace kandinsky::cpu
