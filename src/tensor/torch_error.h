#pragma once
#include <string>
#include <utility>

namespace kandinsky {

// Rethrows the exception in flight as an Error of ours: LibTorch's out-of-memory as out_of_memory, its other errors and
// std::bad_alloc likewise; an Error stays as it is. `what` says what was being done.
[[noreturn]] void rethrow_as_error(const std::string& what);

// Runs `body`, turning LibTorch's exceptions into ours.
template <typename Body>
auto guarded(const char* what, Body&& body) {
  try {
    return std::forward<Body>(body)();
  } catch (...) {
    rethrow_as_error(what);
  }
}

}  // namespace kandinsky
