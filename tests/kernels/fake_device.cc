#include "kernels/fake_device.h"

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include "kandinsky/error.h"
#include "kernels/cuda/device.h"

namespace kandinsky::cuda {
namespace {

class Queue {
 public:
  ~Queue() {
    put([this] { stopping_ = true; });
    thread_.join();
  }
  void put(std::function<void()> work) {
    const std::lock_guard lock(mutex_);
    work_.push_back(std::move(work));
    changed_.notify_all();
  }
  void synchronize() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return work_.empty(); });
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      changed_.wait(lock, [this] { return !work_.empty(); });
      const auto work = work_.front();
      lock.unlock();
      std::this_thread::sleep_for(std::chrono::microseconds(50));  // who does not wait comes too early
      work();
      lock.lock();
      work_.pop_front();
      changed_.notify_all();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> work_;
  bool stopping_ = false;  // of the thread alone
  std::thread thread_{[this] { run(); }};
};

// How often an event was recorded, and which of those times its stream has come to.
class Place {
 public:
  long record() {
    const std::lock_guard lock(mutex_);
    return ++recorded_;
  }
  void reach(long time) {
    const std::lock_guard lock(mutex_);
    reached_ = time;
    changed_.notify_all();
  }
  long newest() {
    const std::lock_guard lock(mutex_);
    return recorded_;
  }
  bool reached(long time) {
    const std::lock_guard lock(mutex_);
    return reached_ >= time;
  }
  void wait(long time) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return reached_ >= time; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  long recorded_ = 0, reached_ = 0;
};

Queue& queue(const Stream& stream) { return *static_cast<Queue*>(stream.get()); }
// Shared with what is on streams: an event may go before that is done.
using SharedPlace = std::shared_ptr<Place>;
const SharedPlace& place(const Event& event) { return *static_cast<SharedPlace*>(event.get()); }

}  // namespace

Stream::Stream() : stream_(new Queue) {}
Stream::~Stream() { delete static_cast<Queue*>(stream_); }
void Stream::synchronize() const { queue(*this).synchronize(); }
void Stream::wait_for(const Event& event) const {
  queue(*this).put([of = place(event), time = place(event)->newest()] { of->wait(time); });
}
void Stream::start_to_device(void* to, const void* from, std::size_t bytes) const {
  if (FakeDevice::copies_before_failure >= 0 && FakeDevice::copies_before_failure-- == 0)
    throw Error(ErrorCode::internal, "copy to device", "as the test wanted");
  queue(*this).put([=] { std::memcpy(to, from, bytes); });
}
void Stream::on_device(void* to, const void* from, std::size_t bytes) const {
  queue(*this).put([=] { std::memcpy(to, from, bytes); });
}

Event::Event() : event_(new SharedPlace(std::make_shared<Place>())) {}
Event::~Event() { delete static_cast<SharedPlace*>(event_); }
void Event::record(const Stream& stream) {
  queue(stream).put([of = place(*this), time = place(*this)->record()] { of->reach(time); });
}
void Event::wait() const { place(*this)->wait(place(*this)->newest()); }
void Event::settle() const noexcept { wait(); }
bool Event::done() const { return place(*this)->reached(place(*this)->newest()); }

PinnableMemory::PinnableMemory(std::size_t bytes) : mapped_(std::malloc(bytes)), memory_(mapped_), bytes_(bytes) {}
PinnableMemory::~PinnableMemory() { std::free(mapped_); }
bool PinnableMemory::pin() { return FakeDevice::pins; }

DeviceMemory::DeviceMemory(std::size_t bytes) : memory_(std::calloc(1, bytes)), bytes_(bytes) {}
void DeviceMemory::Free::operator()(void* p) const noexcept { std::free(p); }

}  // namespace kandinsky::cuda
