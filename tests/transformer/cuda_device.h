#pragma once
#include <gtest/gtest.h>

#include "kandinsky/error.h"
#include "kernels/cuda/device.h"

namespace kandinsky::testing {

// Whether the CUDA token loop can run here.
inline bool have_device() {
  try {
    return cuda::device_properties(0).major == 9;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace kandinsky::testing

#define NEEDS_DEVICE() \
  if (!kandinsky::testing::have_device()) GTEST_SKIP() << "no CUDA device of compute capability 9.0"
