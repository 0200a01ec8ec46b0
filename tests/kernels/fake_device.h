#pragma once
#include <atomic>

namespace kandinsky::cuda {

// Takes the place of device.cu where there is no device: its memory is the host's, and each stream is a thread that
// does what is on it some time later, as a device would. Of Stream, what copies from the host need.
struct FakeDevice {
  static inline std::atomic<bool> pins = true;                // whether memory can be pinned
  static inline std::atomic<int> copies_before_failure = -1;  // from the host; below zero none fails
};

}  // namespace kandinsky::cuda
