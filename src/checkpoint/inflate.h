#pragma once
#include <cstddef>
#include <string>
#include <vector>

#include "checkpoint/zip_directory.h"

namespace kandinsky {

// Decompresses records that a zip tool has deflated (torch.save stores them). What it returns takes memory,
// unlike a mapped record, so all that is inflated from one file is limited: to 4 MiB plus 8 times the size of
// the file, and to 64 MiB.
class Inflater {
 public:
  explicit Inflater(const Source& source);

  // The first `size` bytes of the record; all of it if `size` is its own, and then its checksum must be
  // right. Throws Error (bad_file).
  std::vector<std::byte> inflate(const ZipRecord& record, std::uint64_t size);

 private:
  std::string file_;
  std::uint64_t left_;
};

}  // namespace kandinsky
