#pragma once
#include <cstddef>
#include <filesystem>
#include <span>

namespace kandinsky {

// A regular file, mapped read-only for as long as the object lives.
class MappedFile {
 public:
  // Throws Error: not_found, io.
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const noexcept { return bytes_; }

  // Takes the whole pages inside `range` out of memory, if it lies inside the file.
  void drop(std::span<const std::byte> range) const noexcept;
  // While a file is opened, only scattered headers are read: reading ahead would be wasted.
  void expect_scattered_reads(bool scattered) const noexcept;

 private:
  void drop_by_threads() const noexcept;

  std::span<const std::byte> bytes_;
};

}  // namespace kandinsky
