#include "kernels/cuda/uploader.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <stop_token>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "core/cores.h"

namespace kandinsky::cuda {
namespace {

// Small enough to stay in the processor's caches until the device has read them, as 128 MB do not, and enough for a
// fill that takes its time now and then: eight were slower.
constexpr std::size_t buffer_bytes = std::size_t{4} << 20, slice_bytes = std::size_t{1} << 19;
constexpr int buffers = 12;
constexpr int most_threads = 15;

struct Buffer {
  PinnableMemory memory{buffer_bytes};
  Event copied;                      // nothing to wait for until it is recorded
  bool waiting = false;              // to be copied
  std::atomic<int> slices_left = 0;  // to be filled
};

struct Slice {
  char* to;
  const char* from;
  std::size_t bytes;
  Buffer* buffer;
};

// What is to be put on the stream: a copy from a buffer, or what is called between them.
struct Entry {
  Buffer* buffer;
  void* to;
  std::size_t bytes;
  std::function<void()> what;
};

}  // namespace

struct Uploader::Impl {
  const Stream& stream;
  std::array<Buffer, buffers> ring;
  std::size_t next = 0;
  std::deque<Entry> entries;
  std::mutex mutex;
  std::condition_variable_any to_fill;
  std::deque<Slice> slices;
  std::vector<std::jthread> threads;

  explicit Impl(const Stream& to) : stream(to) {
    const int count = std::clamp(available_cores() - 1, 1, most_threads);
    try {
      for (int i = 0; i < count; ++i) threads.emplace_back([this](const std::stop_token& stop) { fill(stop); });
    } catch (const std::system_error&) {  // no more to be had
      if (threads.empty()) throw;
    }
  }

  ~Impl() {
    {
      const std::lock_guard lock(mutex);
      slices.clear();
    }
    threads.clear();
    for (const Buffer& buffer : ring) buffer.copied.settle();
  }

  void fill(const std::stop_token& stop) {
    std::unique_lock lock(mutex);
    while (to_fill.wait(lock, stop, [this] { return !slices.empty(); })) {
      const Slice slice = slices.front();
      slices.pop_front();
      lock.unlock();
      std::memcpy(slice.to, slice.from, slice.bytes);
      if (slice.buffer->slices_left.fetch_sub(1, std::memory_order_acq_rel) == 1)
        slice.buffer->slices_left.notify_one();
      lock.lock();
    }
  }

  bool first_is_ready() const {
    return !entries.empty() && (entries.front().buffer == nullptr ||
                                entries.front().buffer->slices_left.load(std::memory_order_acquire) == 0);
  }

  void put_first() {
    const Entry entry = std::move(entries.front());
    entries.pop_front();
    if (entry.buffer == nullptr) return entry.what();
    Buffer& buffer = *entry.buffer;
    while (const int left = buffer.slices_left.load(std::memory_order_acquire)) buffer.slices_left.wait(left);
    if (entry.bytes == buffer_bytes) buffer.memory.pin();  // now that several threads have written its pages
    stream.start_to_device(entry.to, buffer.memory.get(), entry.bytes);
    buffer.copied.record(stream);
    buffer.waiting = false;
  }

  Buffer& free_buffer() {
    Buffer& buffer = ring[next];
    next = (next + 1) % ring.size();
    while (buffer.waiting) put_first();
    while (!buffer.copied.done()) {  // what is filled meanwhile is to be copied without a pause
      if (first_is_ready())
        put_first();
      else
        std::this_thread::yield();
    }
    return buffer;
  }

  void ask(void* to, const char* from, std::size_t bytes) {
    Buffer& buffer = free_buffer();
    buffer.waiting = true;
    buffer.slices_left = static_cast<int>((bytes + slice_bytes - 1) / slice_bytes);
    entries.push_back({&buffer, to, bytes, {}});
    {
      const std::lock_guard lock(mutex);
      for (std::size_t at = 0; at < bytes; at += slice_bytes)
        slices.push_back(
            {static_cast<char*>(buffer.memory.get()) + at, from + at, std::min(slice_bytes, bytes - at), &buffer});
    }
    to_fill.notify_all();
  }
};

Uploader::Uploader(const Stream& stream) : impl_(std::make_unique<Impl>(stream)) {}

Uploader::~Uploader() = default;

void Uploader::upload(void* to, const void* from, std::size_t bytes) {
  for (std::size_t done = 0; done < bytes; done += buffer_bytes) {
    impl_->ask(static_cast<char*>(to) + done, static_cast<const char*>(from) + done,
               std::min(buffer_bytes, bytes - done));
    while (impl_->first_is_ready()) impl_->put_first();
  }
}

void Uploader::then(std::function<void()> what) { impl_->entries.push_back({nullptr, nullptr, 0, std::move(what)}); }

void Uploader::finish() {
  while (!impl_->entries.empty()) impl_->put_first();
}

}  // namespace kandinsky::cuda
