#include "tensor/torch_error.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <array>
#include <new>

#include "kandinsky/error.h"

namespace kandinsky {
namespace {

constexpr std::array exhaustions = {"out of memory", "ALLOC_FAILED", "can't allocate memory", "not enough memory"};

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

}  // namespace

void rethrow_as_error(const std::string& what) {
  try {
    throw;
  } catch (const Error&) {
    throw;
  } catch (const c10::OutOfMemoryError& error) {
    throw Error(ErrorCode::out_of_memory, what, first_line(error.what_without_backtrace()));
  } catch (const c10::Error& error) {
    const std::string message = first_line(error.what_without_backtrace());
    // Of all allocators only LibTorch's own for devices has a type for exhaustion.
    const bool memory = std::any_of(exhaustions.begin(), exhaustions.end(),
                                    [&](const char* words) { return message.find(words) != std::string::npos; });
    throw Error(memory ? ErrorCode::out_of_memory : ErrorCode::internal, what, message);
  } catch (const std::bad_alloc&) {
    throw Error(ErrorCode::out_of_memory, what, "host memory ran out");
  } catch (const std::exception& error) {
    throw Error(ErrorCode::internal, what, error.what());
  }
}

}  // namespace kandinsky
