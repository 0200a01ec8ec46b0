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
  // What is not finished by then is given up: nothing is read any more, no `after` called.
  ~Uploader();

  // Asks for a copy. `from` is read by other threads until `after` is called, which is by a later call, in order: what
  // it puts on the stream follows the copy there.
  void upload(void* to, const void* from, std::size_t bytes, std::function<void()> after);

  // Returns when all has been read and is on the stream.
  void finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace kandinsky::cuda
