#include "checkpoint/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <exception>
#include <system_error>
#include <thread>
#include <vector>

#include "core/fail.h"

namespace kandinsky {
namespace {

class FileDescriptor {
 public:
  explicit FileDescriptor(int number) : number_(number) {}
  ~FileDescriptor() {
    if (number_ >= 0) ::close(number_);
  }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  int get() const { return number_; }

 private:
  int number_;
};

[[noreturn]] void fail_with_errno(const std::filesystem::path& path, const char* action) {
  const int number = errno;
  const ErrorCode code = number == ENOENT || number == ENOTDIR ? ErrorCode::not_found : ErrorCode::io;
  fail(code, path.string(), "cannot {}: {}", action, std::generic_category().message(number));
}

}  // namespace

MappedFile::MappedFile(const std::filesystem::path& path) {
  // Without O_NONBLOCK, opening a pipe would wait for a writer.
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) fail_with_errno(path, "open the file");
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) fail_with_errno(path, "read the file's size");
  if (!S_ISREG(status.st_mode)) fail(ErrorCode::io, path.string(), "expected a regular file");
  if (status.st_size == 0) return;
  const auto size = static_cast<std::size_t>(status.st_size);
  void* address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (address == MAP_FAILED) fail_with_errno(path, "map the file into memory");
  bytes_ = {static_cast<const std::byte*>(address), size};
}

MappedFile::~MappedFile() {
  if (bytes_.empty()) return;
  drop_by_threads();
  ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

// One thread takes a quarter of a second to forget the pages of 23 GB.
void MappedFile::drop_by_threads() const noexcept {
  constexpr std::size_t worth_a_thread = std::size_t{1} << 30;
  const std::size_t threads =
      std::min<std::size_t>({bytes_.size() / worth_a_thread, std::thread::hardware_concurrency(), 16});
  if (threads < 2) return;
  const std::size_t share = bytes_.size() / threads;
  try {
    std::vector<std::jthread> team;
    for (std::size_t i = 0; i < threads; ++i)
      team.emplace_back([this, slice = bytes_.subspan(i * share, share)] { drop(slice); });
  } catch (const std::exception&) {  // no thread to be had: the caller's does it all
  }
}

void MappedFile::drop(std::span<const std::byte> range) const noexcept {
  const auto offset = reinterpret_cast<std::uintptr_t>(range.data()) - reinterpret_cast<std::uintptr_t>(bytes_.data());
  if (offset > bytes_.size() || range.size() > bytes_.size() - offset) return;
  // The mapping starts on a page. The last page of the file has no neighbour behind the end.
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const std::size_t end = offset + range.size();
  const std::size_t first = (offset + page - 1) / page * page;
  const std::size_t last = end == bytes_.size() ? end : end / page * page;
  if (first < last) ::madvise(const_cast<std::byte*>(bytes_.data()) + first, last - first, MADV_DONTNEED);
}

void MappedFile::expect_scattered_reads(bool scattered) const noexcept {
  if (bytes_.empty()) return;
  ::madvise(const_cast<std::byte*>(bytes_.data()), bytes_.size(), scattered ? MADV_RANDOM : MADV_NORMAL);
}

}  // namespace kandinsky
