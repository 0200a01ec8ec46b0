#pragma once
#include <malloc.h>

#include <cstdint>
#include <fstream>
#include <string>

namespace kandinsky::testing {

// A field of /proc/self/status in bytes, e.g. VmRSS or VmHWM; 0 if it is not there.
inline std::int64_t process_memory(const std::string& field) {
  std::ifstream status("/proc/self/status");
  std::string name;
  std::int64_t kilobytes = 0;
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(field + ":")) return std::stoll(line.substr(field.size() + 1)) * 1024;
  }
  return kilobytes;
}

// Sets VmHWM to the present memory; false where the system does not allow it.
inline bool reset_peak_memory() {
  malloc_trim(0);
  std::ofstream file("/proc/self/clear_refs");
  file << "5" << std::flush;
  return file.good();
}

}  // namespace kandinsky::testing
