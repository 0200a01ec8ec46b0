#pragma once
#include <cstddef>
#include <vector>

#include "kandinsky/error.h"
#include "kernels/cuda/device.h"

namespace kandinsky::cuda {

// Device memory that numbers are copied to, for a kernel that takes them elsewhere.
struct StagingBuffer {
  char* memory = nullptr;
  Event copied, consumed;
};

// Used in turn: while one buffer is read, the next ones are copied to.
class StagingRing {
 public:
  // `bytes`: of a buffer.
  StagingRing(std::size_t count, std::size_t bytes)
      : bytes_(bytes), distance_((bytes + 255) / 256 * 256), memory_(count * distance_), buffers_(count) {
    for (std::size_t i = 0; i < count; ++i) buffers_[i].memory = memory_.as<char>() + i * distance_;
  }
  ~StagingRing() {
    try {
      for (const StagingBuffer& buffer : buffers_) buffer.consumed.wait();
    } catch (const Error&) {  // a device that has failed reads nothing any more
    }
  }
  StagingRing(const StagingRing&) = delete;
  StagingRing& operator=(const StagingRing&) = delete;
  std::size_t bytes() const { return bytes_; }
  StagingBuffer& next() { return buffers_[turn_++ % buffers_.size()]; }

 private:
  std::size_t bytes_, distance_;
  DeviceMemory memory_;
  std::vector<StagingBuffer> buffers_;
  std::size_t turn_ = 0;
};

}  // namespace kandinsky::cuda
