#include "kandinsky/device.h"

#include <unistd.h>

#include <fstream>
#include <string>

#include "core/fail.h"
#include "tensor/compute_device.h"
#include "tensor/cuda_driver.h"

namespace kandinsky {
namespace {

std::string field_of(const char* path, std::string_view key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(key)) continue;
    const std::size_t colon = line.find(':');
    const std::size_t start = colon == std::string::npos ? colon : line.find_first_not_of(" \t", colon + 1);
    if (start != std::string::npos) return line.substr(start);
  }
  return "";
}

std::uint64_t memory_field(std::string_view key) {
  const std::string text = field_of("/proc/meminfo", key);
  return text.empty() ? 0 : std::stoull(text) * 1024;
}

}  // namespace

DeviceInfo cpu_info() {
  DeviceInfo info;
  info.name = "cpu";
  const std::string model = field_of("/proc/cpuinfo", "model name");
  const int cores = resolve_threads(0);
  info.description = fmt::format("{}, {} core{}", model.empty() ? "CPU" : model, cores, cores == 1 ? "" : "s");
  info.memory_total = memory_field("MemTotal");
  info.memory_free = memory_field("MemAvailable");
  return info;
}

Precision precision(std::string_view name) {
  if (name == "auto") return Precision::automatic;
  if (name == "fp32") return Precision::fp32;
  if (name == "bf16") return Precision::bf16;
  if (name == "fp16") return Precision::fp16;
  fail(ErrorCode::invalid_argument, "dtype", "'{}' is not one of auto, fp32, bf16, fp16", name);
}

std::string_view precision_name(Precision precision) noexcept {
  switch (precision) {
    case Precision::fp32:
      return "fp32";
    case Precision::bf16:
      return "bf16";
    case Precision::fp16:
      return "fp16";
    default:
      return "auto";
  }
}

std::vector<DeviceInfo> devices() {
  std::vector<DeviceInfo> list = {cpu_info()};
  for (int i = 0; i < cuda_device_count(); ++i) list.push_back(cuda_info(i));
  return list;
}

}  // namespace kandinsky
