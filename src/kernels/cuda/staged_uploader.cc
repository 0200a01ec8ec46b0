#include "kernels/cuda/staged_uploader.h"

#include <utility>
#include <vector>

#include "kernels/cuda/uploader.h"

namespace kandinsky::cuda {
namespace {

// A matrix is packed in less time than the next is copied. A layer's vectors, of which there are fourteen, wait for
// each other's kernels unless they have buffers of their own.
constexpr int large_buffers = 2, small_buffers = 16;

constexpr std::size_t aligned(std::size_t bytes) { return (bytes + 255) / 256 * 256; }

struct StagingBuffer {
  char* memory = nullptr;
  Event copied, consumed;
};

class StagingRing {
 public:
  // `bytes`: of a buffer.
  StagingRing(std::size_t count, std::size_t bytes) : bytes_(bytes), memory_(count * aligned(bytes)), buffers_(count) {
    for (std::size_t i = 0; i < count; ++i) buffers_[i].memory = memory_.as<char>() + i * aligned(bytes);
  }
  ~StagingRing() {
    for (const StagingBuffer& buffer : buffers_) buffer.consumed.settle();
  }
  StagingRing(const StagingRing&) = delete;
  StagingRing& operator=(const StagingRing&) = delete;
  std::size_t bytes() const { return bytes_; }
  StagingBuffer& next() { return buffers_[turn_++ % buffers_.size()]; }

 private:
  std::size_t bytes_;
  DeviceMemory memory_;
  std::vector<StagingBuffer> buffers_;
  std::size_t turn_ = 0;
};

}  // namespace

struct StagedUploader::Impl {
  const Stream& stream;
  Stream copies;
  StagingRing small, large;
  std::function<void(const void*)> taking;  // of what is being uploaded
  Uploader uploader{copies};                // goes first: its threads and its queue refer to the others

  Impl(const Stream& to, std::size_t small_bytes, std::size_t largest)
      : stream(to), small(small_buffers, small_bytes), large(large_buffers, largest) {}
};

StagedUploader::StagedUploader(const Stream& stream, std::size_t small, std::size_t largest)
    : impl_(std::make_unique<Impl>(stream, small, largest)) {}

StagedUploader::~StagedUploader() = default;

std::size_t StagedUploader::bytes(std::size_t small, std::size_t largest) {
  return small_buffers * aligned(small) + large_buffers * aligned(largest);
}

void StagedUploader::upload(const void* from, std::size_t bytes, std::function<void(const void*)> take) {
  StagingBuffer& staging = (bytes <= impl_->small.bytes() ? impl_->small : impl_->large).next();
  impl_->taking = std::move(take);
  impl_->uploader.then([impl = impl_.get(), &staging] { impl->copies.wait_for(staging.consumed); });
  impl_->uploader.upload(staging.memory, from, bytes);
  impl_->uploader.then([impl = impl_.get(), &staging, take = impl_->taking] {
    staging.copied.record(impl->copies);
    impl->stream.wait_for(staging.copied);
    take(staging.memory);
    staging.consumed.record(impl->stream);
  });
}

void StagedUploader::finish() { impl_->uploader.finish(); }

}  // namespace kandinsky::cuda
