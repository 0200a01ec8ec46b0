#pragma once
#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>

#include "core/fail.h"

namespace kandinsky {

// Keeps the memory that a file makes us take in proportion to the file: 4 MiB, 64 bytes for each of its
// bytes, and never more than 256 MiB. (The pickle of a 12 billion parameter model needs 2 MiB.)
class MemoryBudget {
 public:
  MemoryBudget(std::string file, std::size_t bytes)
      : file_(std::move(file)), left_(std::min(most, (std::size_t{4} << 20) + 64 * std::min(bytes, most))) {}

  void charge(std::size_t bytes) {
    if (bytes > left_) fail(ErrorCode::bad_file, file_, "describes more objects than a file of its size should");
    left_ -= bytes;
  }

 private:
  static constexpr std::size_t most = std::size_t{256} << 20;

  std::string file_;
  std::size_t left_;
};

}  // namespace kandinsky
