#pragma once
#include <cstddef>
#include <functional>
#include <memory>

#include "kernels/cuda/device.h"

namespace kandinsky::cuda {

// Copies host memory, pageable or mapped from a file, to the device through pinned buffers that several threads fill
// while the copies before run. By one thread.
class Uploader {
 public:
  explicit Uploader(const Stream& stream);
  // What is not finished by then is given up: nothing is read any more, nothing called.
  ~Uploader();

  // Asks for a copy. `from` is read by other threads until the function of the next `then` is called, or `finish`
  // returns. If a call throws, all that may follow is destruction.
  void upload(void* to, const void* from, std::size_t bytes);
  // To be called, by this or a later call, after all copies asked for before are on the stream and before any that are
  // asked for later. It must not call the uploader.
  void then(std::function<void()> what);

  // Returns when all has been read and is on the stream.
  void finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace kandinsky::cuda
