#pragma once
#include <ATen/core/Tensor.h>

#include <string>

#include "kandinsky/device.h"

namespace kandinsky {

// Whether LibTorch's CUDA part is here and finds a device. Opens libtorch_cuda on the first call.
bool cuda_available();
int cuda_device_count();

// "auto", "cpu", "cuda", "cuda:N" to a device that is there. Throws Error: invalid_argument for another word,
// not_found for a device that this machine does not have.
at::Device resolve_device(const std::string& name);
std::string device_name(const at::Device& device);

// devices().front(), without a look at the others.
DeviceInfo cpu_info();

// CPU threads for the calls of this scope: `threads`, or one a core for 0. LibTorch keeps the number per thread.
class ThreadScope {
 public:
  explicit ThreadScope(int threads);
  ~ThreadScope();
  ThreadScope(const ThreadScope&) = delete;
  ThreadScope& operator=(const ThreadScope&) = delete;

 private:
  int previous_ = 0;
};

// Number of threads that 0 stands for: the cores this process may run on. Throws Error (invalid_argument) for
// negative numbers and more than 1024.
int resolve_threads(int threads);

}  // namespace kandinsky
