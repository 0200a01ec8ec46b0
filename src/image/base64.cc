#include "image/base64.h"

#include <array>
#include <cstdint>

#include "core/fail.h"

namespace kandinsky {
namespace {

constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

std::string encode_base64(std::span<const std::byte> bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
    for (std::size_t j = 0; j < 3; ++j)
      group = group << 8 | (j < count ? std::to_integer<std::uint32_t>(bytes[i + j]) : 0);
    for (std::size_t j = 0; j < 4; ++j) text += j <= count ? alphabet[group >> (18 - 6 * j) & 63] : '=';
  }
  return text;
}

std::vector<std::byte> decode_base64(std::string_view text, const std::string& subject) {
  if (text.size() % 4 != 0)
    fail(ErrorCode::invalid_argument, subject, "{} characters are no base64: expected a multiple of 4", text.size());
  std::vector<std::byte> bytes;
  bytes.reserve(text.size() / 4 * 3);
  for (std::size_t i = 0; i < text.size(); i += 4) {
    std::uint32_t group = 0;
    std::size_t count = 3;
    const bool last = i + 4 == text.size();
    if (last && text[i + 3] == '=') count = text[i + 2] == '=' ? 1 : 2;
    for (std::size_t j = 0; j <= count; ++j) {
      const std::size_t value = alphabet.find(text[i + j]);
      if (value == alphabet.npos) fail(ErrorCode::invalid_argument, subject, "character {} is no base64", i + j + 1);
      group |= static_cast<std::uint32_t>(value) << (18 - 6 * j);
    }
    for (std::size_t j = 0; j < count; ++j) bytes.push_back(static_cast<std::byte>(group >> (16 - 8 * j) & 255));
  }
  return bytes;
}

}  // namespace kandinsky
