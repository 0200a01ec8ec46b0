#pragma once
#include <cstddef>
#include <functional>
#include <memory>

#include "kernels/cuda/device.h"

namespace kandinsky::cuda {

// Uploads numbers for kernels that put them elsewhere on the device: to staging buffers used in turn, so that while one
// is read the next ones are copied to. By one thread.
class StagedUploader {
 public:
  // The kernels run on `stream`. Pieces take `largest` bytes at most, and those of up to `small` bytes, which may come
  // one after the other, have buffers of their own.
  StagedUploader(const Stream& stream, std::size_t small, std::size_t largest);
  // What is not finished by then is given up: nothing is read any more, nothing called.
  ~StagedUploader();
  // Of device memory that such an uploader takes.
  static std::size_t bytes(std::size_t small, std::size_t largest);

  // `take` is called by this or a later call, in order. What it puts on the stream finds the bytes at `place` and is
  // what may read them. It must not call the uploader. It lives for as long as `from` is read, so it may own that.
  // If a call throws, all that may follow is destruction.
  void upload(const void* from, std::size_t bytes, std::function<void(const void* place)> take);

  // Returns when all has been read and taken.
  void finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace kandinsky::cuda
