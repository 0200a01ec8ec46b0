#include "tensor/torch_error.h"

#include <c10/util/Exception.h>

#include <new>

#include "kandinsky/error.h"

namespace kandinsky {
namespace {

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
    // The CPU allocator reports exhaustion as a plain error.
    const bool memory = message.find("can't allocate memory") != std::string::npos ||
                        message.find("not enough memory") != std::string::npos;
    throw Error(memory ? ErrorCode::out_of_memory : ErrorCode::internal, what, message);
  } catch (const std::bad_alloc&) {
    throw Error(ErrorCode::out_of_memory, what, "host memory ran out");
  } catch (const std::exception& error) {
    throw Error(ErrorCode::internal, what, error.what());
  }
}

}  // namespace kandinsky
