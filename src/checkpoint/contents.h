#pragma once
#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "kandinsky/checkpoint.h"

namespace kandinsky {

// The bytes of a checkpoint and what to call them in messages.
struct Source {
  std::span<const std::byte> bytes;
  std::string name;
};

// What a reader of one of the formats found.
struct Contents {
  std::vector<TensorInfo> tensors;  // their data lies in the source, or in `inflated`
  std::map<std::string, std::string, std::less<>> metadata;
  std::vector<std::vector<std::byte>> inflated;  // records that had to be decompressed
};

}  // namespace kandinsky
