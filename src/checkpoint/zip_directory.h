#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/contents.h"

namespace kandinsky {

struct ZipRecord {
  std::string_view name;
  std::span<const std::byte> bytes;  // as they lie in the file
  std::uint64_t size = 0;            // once decompressed
  std::uint32_t crc32 = 0;
  bool deflated = false;  // else stored
};

// The central directory of a zip file (APPNOTE.TXT 6.3.10, with zip64), every record checked against its
// local header and the file's size. Encrypted, split and otherwise compressed files and duplicate names are
// refused. The source must outlive the directory.
class ZipDirectory {
 public:
  // Throws Error (bad_file).
  explicit ZipDirectory(const Source& source);

  const std::vector<ZipRecord>& records() const { return records_; }
  // nullptr if there is none of that name.
  const ZipRecord* find(std::string_view name) const;

 private:
  std::vector<ZipRecord> records_;
  std::map<std::string_view, std::size_t> by_name_;  // no hash table: a file could make all its names collide
};

}  // namespace kandinsky
