#pragma once
#include <stdexcept>
#include <string>
#include <utility>

#include "kandinsky/export.h"

namespace kandinsky {

// What went wrong, coarsely. The values are part of the C ABI: append, never renumber.
enum class ErrorCode {
  invalid_argument = 1,  // a value that the caller passed is out of range or does not fit the model
  not_found = 2,         // a file, directory, tensor or device does not exist
  bad_file = 3,          // a file exists but is damaged, hostile or of another kind than expected
  unsupported = 4,       // well-formed, but something this build or device cannot do
  out_of_memory = 5,     // host or device memory ran out, or an estimate says that it would
  cancelled = 6,         // a progress callback or a cancel token stopped the work
  io = 7,                // the operating system refused to read or write
  internal = 8,          // a bug in this library: please report it
};

// Every failure of this library is thrown as Error. `subject` names what the message is about (a file path, an
// option, a tensor); what() is one line that holds the subject too.
class KANDINSKY_API Error : public std::runtime_error {
 public:
  Error(ErrorCode code, std::string subject, const std::string& message)
      : std::runtime_error(subject.empty() ? message : subject + ": " + message),
        code_(code),
        subject_(std::move(subject)) {}

  ErrorCode code() const noexcept { return code_; }
  const std::string& subject() const noexcept { return subject_; }

 private:
  ErrorCode code_;
  std::string subject_;
};

}  // namespace kandinsky
