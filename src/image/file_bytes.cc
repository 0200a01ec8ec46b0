#include "image/file_bytes.h"

#include <unistd.h>

#include <atomic>
#include <fstream>

#include "core/fail.h"

namespace kandinsky {

std::vector<std::byte> read_file(const std::filesystem::path& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) fail(ErrorCode::not_found, path.string(), "there is no such file");
  if (!std::filesystem::is_regular_file(path, error)) fail(ErrorCode::bad_file, path.string(), "expected a file");
  const std::uintmax_t size = std::filesystem::file_size(path, error);
  if (error) fail(ErrorCode::io, path.string(), "{}", error.message());
  if (size > (std::uintmax_t{1} << 30))
    fail(ErrorCode::bad_file, path.string(), "{} bytes, more than any picture takes", size);
  std::vector<std::byte> bytes(size);
  std::ifstream file(path, std::ios::binary);
  file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(size));
  if (!file) fail(ErrorCode::io, path.string(), "the file cannot be read");
  return bytes;
}

void write_file(const std::filesystem::path& path, std::span<const std::byte> bytes) {
  static std::atomic<unsigned> counter{0};
  std::filesystem::path temporary = path;
  temporary += fmt::format(".{}-{}.part", ::getpid(), counter++);
  {
    std::ofstream file(temporary, std::ios::binary);
    file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    file.close();
    if (!file) {
      std::error_code ignored;
      std::filesystem::remove(temporary, ignored);
      fail(ErrorCode::io, path.string(), "the file cannot be written");
    }
  }
  std::error_code error;
  std::filesystem::rename(temporary, path, error);
  if (!error) return;
  std::error_code ignored;
  std::filesystem::remove(temporary, ignored);
  fail(ErrorCode::io, path.string(), "the file cannot be written: {}", error.message());
}

}  // namespace kandinsky
