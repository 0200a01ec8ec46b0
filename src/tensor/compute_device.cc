#include "tensor/compute_device.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <dlfcn.h>

#include <algorithm>
#include <charconv>

#include "core/cores.h"
#include "core/fail.h"

namespace kandinsky {
namespace {

// libtorch_cuda registers itself when it is opened. Where the driver is missing it stays unopened, which saves its
// second of start-up on machines without a GPU.
bool open_torch_cuda() {
  void* driver = dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL);
  if (driver == nullptr) return false;
  void* torch_cuda = dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL);
  if (torch_cuda == nullptr) torch_cuda = dlopen(KANDINSKY_TORCH_LIB_DIR "/libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL);
  return torch_cuda != nullptr;
}

}  // namespace

int cuda_device_count() {
  static const bool opened = open_torch_cuda();
  if (!opened || !at::hasCUDA()) return 0;
  return at::detail::getCUDAHooks().deviceCount();
}

bool cuda_available() { return cuda_device_count() > 0; }

at::Device resolve_device(const std::string& name) {
  if (name == "cpu") return at::kCPU;
  if (name == "auto") return cuda_available() ? at::Device(at::kCUDA, 0) : at::Device(at::kCPU);
  int index = 0;
  bool known = name == "cuda";
  if (name.starts_with("cuda:")) {
    const char* end = name.data() + name.size();
    const auto [stop, error] = std::from_chars(name.data() + 5, end, index);
    known = error == std::errc() && stop == end && index >= 0 && name.size() > 5;
  }
  if (!known) fail(ErrorCode::invalid_argument, "device", "'{}' is not one of auto, cpu, cuda, cuda:N", name);
  const int count = cuda_device_count();
  if (index >= count)
    fail(ErrorCode::not_found, "device", "'{}' is not here: {} CUDA device{} found", name, count,
         count == 1 ? "" : "s");
  return at::Device(at::kCUDA, static_cast<at::DeviceIndex>(index));
}

std::string device_name(const at::Device& device) {
  return device.is_cpu() ? "cpu" : "cuda:" + std::to_string(device.index());
}

int resolve_threads(int threads) {
  if (threads < 0 || threads > 1024) fail(ErrorCode::invalid_argument, "threads", "{} is not in 0..1024", threads);
  // More threads than cores would wait for each other at every barrier of the token loop.
  const int cores = available_cores();
  return threads == 0 ? cores : std::min(threads, cores);
}

ThreadScope::ThreadScope(int threads) : previous_(at::get_num_threads()) {
  at::set_num_threads(resolve_threads(threads));
}

ThreadScope::~ThreadScope() { at::set_num_threads(previous_); }

}  // namespace kandinsky
