#pragma once
#include <cstddef>
#include <string>
#include <utility>

#include "core/fail.h"

namespace kandinsky {

// Keeps the memory that a file makes us take in proportion to the file: 2 MiB, and 64 bytes for each of its bytes.
class MemoryBudget {
 public:
  MemoryBudget(std::string file, std::size_t bytes) : file_(std::move(file)), left_((2u << 20) + 64 * bytes) {}

  void charge(std::size_t bytes) {
    if (bytes > left_) fail(ErrorCode::bad_file, file_, "describes more objects than a file of its size should");
    left_ -= bytes;
  }

 private:
  std::string file_;
  std::size_t left_;
};

}  // namespace kandinsky
