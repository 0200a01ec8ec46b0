#include "core/cores.h"

#include <sched.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <string>

namespace kandinsky {
namespace {

std::string line_of(const std::filesystem::path& path, std::string_view start = "") {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);)
    if (line.starts_with(start)) return line.substr(start.size());
  return "";
}

// The tightest limit of the control group (version 2) and those above it.
int cores_of_groups() {
  const std::filesystem::path root = "/sys/fs/cgroup";
  int least = 0;
  std::filesystem::path group = std::filesystem::path(line_of("/proc/self/cgroup", "0::")).relative_path();
  for (;;) {
    const int cores = cores_of_quota(line_of(root / group / "cpu.max"));
    if (cores > 0 && (least == 0 || cores < least)) least = cores;
    if (group.empty()) return least;
    group = group.parent_path();
  }
}

}  // namespace

int cores_of_quota(std::string_view cpu_max) {
  long quota = 0;
  long period = 0;
  const char* end = cpu_max.data() + cpu_max.size();
  const auto [middle, error] = std::from_chars(cpu_max.data(), end, quota);
  if (error != std::errc() || middle == end || *middle != ' ') return 0;
  if (std::from_chars(middle + 1, end, period).ec != std::errc() || quota <= 0 || period <= 0) return 0;
  return static_cast<int>(std::min(1024L, (quota - 1) / period + 1));
}

int available_cores() {
  cpu_set_t set;
  int cores = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
  if (const int quota = cores_of_groups(); quota > 0) cores = std::min(cores, quota);
  return std::max(cores, 1);
}

}  // namespace kandinsky
