#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "checkpoint/little_endian.h"
#include "core/fail.h"

namespace kandinsky {

inline std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Reads bytes front to back and never past their end.
class ByteReader {
 public:
  // `subject` names the file in messages, `what` the part of it that is read.
  ByteReader(std::span<const std::byte> bytes, std::string_view subject, std::string_view what)
      : bytes_(bytes), subject_(subject), what_(what) {}

  std::size_t position() const { return position_; }
  std::size_t remaining() const { return bytes_.size() - position_; }

  std::span<const std::byte> take(std::uint64_t count) {
    if (count > remaining()) {
      fail(ErrorCode::bad_file, subject_, "{} ends too early: {} bytes expected at byte {}, {} found", what_, count,
           position_, remaining());
    }
    const auto taken = bytes_.subspan(position_, static_cast<std::size_t>(count));
    position_ += taken.size();
    return taken;
  }

  template <typename T>
  T number() {
    return load_little_endian<T>(take(sizeof(T)).data());
  }

  // Up to the next line feed, which is taken too.
  std::string_view line() {
    const void* end = remaining() == 0 ? nullptr : std::memchr(bytes_.data() + position_, '\n', remaining());
    if (end == nullptr) fail(ErrorCode::bad_file, subject_, "{} ends in the middle of a line", what_);
    const auto length = static_cast<std::size_t>(static_cast<const std::byte*>(end) - bytes_.data()) - position_;
    const std::string_view text = as_text(take(length));
    take(1);
    return text;
  }

 private:
  std::span<const std::byte> bytes_;
  std::string subject_;
  std::string what_;
  std::size_t position_ = 0;
};

}  // namespace kandinsky
