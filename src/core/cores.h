#pragma once
#include <string_view>

namespace kandinsky {

// Cores that this process may keep busy: those it may run on, or fewer where its control group is given less time than
// that (a container's CPU limit). At least 1.
int available_cores();

// The cores that a cpu.max of Linux's control groups ("200000 100000") is worth, rounded up; 0 if it sets no limit.
int cores_of_quota(std::string_view cpu_max);

}  // namespace kandinsky
