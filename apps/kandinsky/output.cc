#include "output.h"

#include <fmt/format.h>
#include <kandinsky/error.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

namespace kandinsky::cli {
namespace {

[[noreturn]] void output_failed() {
  if (errno == EPIPE) throw OutputError("");
  throw OutputError(fmt::format("standard output cannot be written: {}", std::strerror(errno)));
}

[[noreturn]] void io_failed(const std::filesystem::path& path, const char* what) {
  const int code = errno;
  throw Error(code == ENOENT ? ErrorCode::not_found : ErrorCode::io, path.string(),
              fmt::format("{}: {}", what, std::strerror(code)));
}

struct Close {
  void operator()(std::FILE* file) const {
    if (file != stdin) std::fclose(file);
  }
};

}  // namespace

void print(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) output_failed();
}

void flush_output() {
  if (std::fflush(stdout) != 0) output_failed();
}

std::string to_line(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n"; }

bool is_utf8(const std::string& text) {
  try {
    static_cast<void>(Json(text).dump());
    return true;
  } catch (const Json::type_error&) {
    return false;
  }
}

std::string one_line(std::string text) {
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  return text;
}

std::string megabytes(std::uint64_t bytes) {
  const double size = static_cast<double>(bytes);
  return size >= 1e9 ? fmt::format("{:.1f} GB", size / 1e9) : fmt::format("{:.1f} MB", size / 1e6);
}

std::string read_text(const std::filesystem::path& path, std::size_t most) {
  const std::unique_ptr<std::FILE, Close> file(path == "-" ? stdin : std::fopen(path.c_str(), "rb"));
  if (!file) io_failed(path, "cannot be read");
  std::string text;
  char buffer[1 << 16];
  while (const std::size_t count = std::fread(buffer, 1, sizeof buffer, file.get())) {
    text.append(buffer, count);
    if (text.size() > most)
      throw Error(ErrorCode::bad_file, path.string(), fmt::format("is longer than {}", megabytes(most)));
  }
  if (std::ferror(file.get()) != 0) io_failed(path, "cannot be read");
  return text;
}

void write_text(const std::filesystem::path& path, std::string_view text) {
  std::filesystem::path temporary = path;
  temporary += fmt::format(".{}.part", getpid());
  std::FILE* file = std::fopen(temporary.c_str(), "wb");
  if (file == nullptr) io_failed(path, "cannot be written");
  const bool written = std::fwrite(text.data(), 1, text.size(), file) == text.size();
  const bool closed = std::fclose(file) == 0;
  if (written && closed && std::rename(temporary.c_str(), path.c_str()) == 0) return;
  const int code = errno;
  std::remove(temporary.c_str());
  errno = code;
  io_failed(path, "cannot be written");
}

}  // namespace kandinsky::cli
