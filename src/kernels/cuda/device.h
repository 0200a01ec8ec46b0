#pragma once
// A CUDA device for host code that includes no CUDA header. Every function throws kandinsky::Error: out_of_memory, or
// internal with the runtime's words.
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

namespace kandinsky::cuda {

struct DeviceProperties {
  int major = 0;  // compute capability
  int minor = 0;
  int multiprocessors = 0;
  std::size_t memory_total = 0;
  std::size_t memory_free = 0;
};
// Makes the device current for this thread.
void use_device(int device);
DeviceProperties device_properties(int device);

// Zeroed device memory.
class DeviceMemory {
 public:
  DeviceMemory() = default;
  explicit DeviceMemory(std::size_t bytes);
  void* get() const { return memory_.get(); }
  template <typename T>
  T* as() const {
    return static_cast<T*>(memory_.get());
  }
  std::size_t bytes() const { return bytes_; }

 private:
  struct Free {
    void operator()(void* p) const noexcept;
  };
  std::unique_ptr<void, Free> memory_;
  std::size_t bytes_ = 0;
};

// Host memory that copies to the device at the bus's full rate once it is pinned.
class PinnableMemory {
 public:
  explicit PinnableMemory(std::size_t bytes);
  ~PinnableMemory();
  PinnableMemory(const PinnableMemory&) = delete;
  PinnableMemory& operator=(const PinnableMemory&) = delete;
  // Whether it is pinned, which the system may refuse: then copies are slower. Takes 0.1 ms a MB, and several times
  // that where pages have not been written yet.
  bool pin();
  void* get() const { return memory_; }

 private:
  void* mapped_;
  void* memory_;
  std::size_t bytes_;
  bool tried_ = false, pinned_ = false;
};

class Event;

class Stream {
 public:
  Stream();
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  void* get() const { return stream_; }
  void synchronize() const;
  // Returns at once: what comes next on this stream waits, on the device, for what came before the event where it was
  // last recorded, or for nothing if it never was.
  void wait_for(const Event& event) const;
  void to_device(void* to, const void* from, std::size_t bytes) const;        // waits: `from` may go
  void start_to_device(void* to, const void* from, std::size_t bytes) const;  // from pinned memory, which is to stay
  void to_host(void* to, const void* from, std::size_t bytes) const;          // waits
  void on_device(void* to, const void* from, std::size_t bytes) const;
  // `count` times `bytes`, that begin `distance` bytes apart.
  void fill(void* at, unsigned char with, std::size_t bytes, std::size_t count = 1, std::size_t distance = 0) const;

 private:
  void* stream_ = nullptr;
};

// What `record` puts on the stream, to be run again and again as one unit.
class Graph {
 public:
  Graph() = default;
  Graph(const Stream& stream, const std::function<void()>& record);
  ~Graph();
  Graph(Graph&& other) noexcept;
  Graph& operator=(Graph&& other) noexcept;
  void launch(const Stream& stream) const;
  bool empty() const { return executable_ == nullptr; }

 private:
  void* executable_ = nullptr;
};

// Marks a place in a stream.
class Event {
 public:
  Event();
  ~Event();
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  void record(const Stream& stream);
  void wait() const;
  void settle() const noexcept;  // waits; returns, too, if the device has failed, of which nothing comes any more
  bool done() const;
  void* get() const { return event_; }

 private:
  void* event_ = nullptr;
};

// Fills with random numbers in (-scale, scale), for benchmarks without weights.
enum class Number;
void fill_random(Number number, void* memory, std::size_t count, float scale, std::uint64_t seed, const Stream& stream);

}  // namespace kandinsky::cuda
