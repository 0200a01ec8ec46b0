#pragma once
#include <fmt/format.h>

#include <string>
#include <utility>

#include "kandinsky/error.h"

namespace kandinsky {

// fail(ErrorCode::bad_file, path, "expected {} bytes, found {}", a, b)
template <typename... Args>
[[noreturn]] void fail(ErrorCode code, std::string subject, fmt::format_string<Args...> format, Args&&... args) {
  throw Error(code, std::move(subject), fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace kandinsky
