#include "tensor/cuda_driver.h"

#include <dlfcn.h>

#include <cstddef>
#include <string>

#include "core/fail.h"

namespace kandinsky {
namespace {

// The few entry points of the driver API that we need, by their documented C signatures: no CUDA header, and nothing
// to link, on machines without CUDA.
struct Driver {
  using Device = int;
  using Context = void*;
  int (*init)(unsigned) = nullptr;
  int (*device_get)(Device*, int) = nullptr;
  int (*device_name)(char*, int, Device) = nullptr;
  int (*device_memory)(std::size_t*, Device) = nullptr;
  int (*retain)(Context*, Device) = nullptr;
  int (*release)(Device) = nullptr;
  int (*push)(Context) = nullptr;
  int (*pop)(Context*) = nullptr;
  int (*memory)(std::size_t*, std::size_t*) = nullptr;

  Driver() {
    void* library = dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL);
    if (library == nullptr) return;
    const auto bind = [library](auto& function, const char* name) {
      function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(library, name));
    };
    bind(init, "cuInit");
    bind(device_get, "cuDeviceGet");
    bind(device_name, "cuDeviceGetName");
    bind(device_memory, "cuDeviceTotalMem_v2");
    bind(retain, "cuDevicePrimaryCtxRetain");
    bind(release, "cuDevicePrimaryCtxRelease_v2");
    bind(push, "cuCtxPushCurrent_v2");
    bind(pop, "cuCtxPopCurrent_v2");
    bind(memory, "cuMemGetInfo_v2");
  }

  bool complete() const {
    return init && device_get && device_name && device_memory && retain && release && push && pop && memory;
  }
};

}  // namespace

DeviceInfo cuda_info(int index) {
  static const Driver driver;
  DeviceInfo info;
  info.name = "cuda:" + std::to_string(index);
  Driver::Device device = 0;
  if (!driver.complete() || driver.init(0) != 0 || driver.device_get(&device, index) != 0)
    fail(ErrorCode::not_found, info.name, "the CUDA driver does not answer");
  char name[256] = "";
  driver.device_name(name, sizeof name, device);
  info.description = name;
  std::size_t total = 0;
  driver.device_memory(&total, device);
  info.memory_total = total;
  Driver::Context context = nullptr;
  if (driver.retain(&context, device) == 0) {
    std::size_t free = 0;
    if (driver.push(context) == 0) {
      if (driver.memory(&free, &total) == 0) info.memory_free = free;
      driver.pop(&context);
    }
    driver.release(device);
  }
  return info;
}

}  // namespace kandinsky
