#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kandinsky/export.h"

namespace kandinsky {

// How weights are kept and multiplied. `automatic`: fp32 on the CPU; on a GPU fp16.
enum class Precision { automatic, fp32, bf16, fp16 };

// "auto", "fp32", "bf16", "fp16". Throws Error (invalid_argument).
KANDINSKY_API Precision precision(std::string_view name);
KANDINSKY_API std::string_view precision_name(Precision precision) noexcept;

struct KANDINSKY_API DeviceInfo {
  std::string name;                // "cpu", "cuda:0" ...
  std::string description;         // e.g. "AMD EPYC, 2 cores" or "NVIDIA H200"
  std::uint64_t memory_total = 0;  // bytes
  std::uint64_t memory_free = 0;   // bytes
};

// The CPU first, then every CUDA device that the driver and LibTorch can use.
KANDINSKY_API std::vector<DeviceInfo> devices();

// Where and how a model computes. `device`: "auto" (the first CUDA device, else the CPU), "cpu", "cuda" or "cuda:N".
// `threads`: CPU threads of one call, 0..1024, of which no more run than there are cores (or the process's control
// group has time for); 0 for one a core. The answers do not depend on it.
struct KANDINSKY_API ComputeOptions {
  std::string device = "auto";
  Precision precision = Precision::automatic;
  int threads = 0;
};

}  // namespace kandinsky
