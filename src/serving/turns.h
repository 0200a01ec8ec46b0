#pragma once
#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace kandinsky::serving {

// A mutex that is given in the order it was asked for. On a CPU every piece of work (a step of the token loop, some
// pictures through a network) uses all cores: pieces take turns, since two at once would only wait for each other at
// their barriers. On a GPU there is nothing to take turns for.
class Turns {
 public:
  explicit Turns(bool needed) : needed_(needed) {}

  void lock() {
    if (!needed_) return;
    std::unique_lock lock(mutex_);
    const std::uint64_t mine = last_++;
    changed_.wait(lock, [&] { return first_ == mine; });
  }
  void unlock() {
    if (!needed_) return;
    {
      const std::lock_guard lock(mutex_);
      ++first_;
    }
    changed_.notify_all();
  }
  // Lets those who wait go first.
  void yield() {
    unlock();
    lock();
  }

 private:
  const bool needed_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t first_ = 0;  // whose turn it is
  std::uint64_t last_ = 0;
};

}  // namespace kandinsky::serving
