#include "checkpoint/pickle_text.h"

#include <charconv>
#include <cstdint>

namespace kandinsky::pickle {
namespace {

void append_utf8(std::string& out, std::uint32_t code) {
  const auto add = [&](std::uint32_t byte) { out += static_cast<char>(byte); };
  if (code < 0x80) return add(code);
  if (code < 0x800) {
    add(0xC0 | (code >> 6));
  } else if (code < 0x10000) {
    add(0xE0 | (code >> 12));
    add(0x80 | ((code >> 6) & 0x3F));
  } else {
    add(0xF0 | (code >> 18));
    add(0x80 | ((code >> 12) & 0x3F));
    add(0x80 | ((code >> 6) & 0x3F));
  }
  add(0x80 | (code & 0x3F));
}

// Takes `digits` hexadecimal digits from the front of the text.
std::optional<std::uint32_t> take_hex(std::string_view& text, std::size_t digits) {
  if (text.size() < digits) return std::nullopt;
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + digits, value, 16);
  if (error != std::errc() || end != text.data() + digits) return std::nullopt;
  text.remove_prefix(digits);
  return value;
}

}  // namespace

std::optional<std::string> decode_quoted(std::string_view literal) {
  if (literal.size() < 2 || literal.front() != literal.back()) return std::nullopt;
  if (literal.front() != '\'' && literal.front() != '"') return std::nullopt;
  literal = literal.substr(1, literal.size() - 2);
  std::string out;
  while (!literal.empty()) {
    char c = literal.front();
    literal.remove_prefix(1);
    if (c == '\\') {
      if (literal.empty()) return std::nullopt;
      c = literal.front();
      literal.remove_prefix(1);
      if (c == 'n') c = '\n';
      if (c == 't') c = '\t';
      if (c == 'r') c = '\r';
      if (c == 'x') {
        const auto code = take_hex(literal, 2);
        if (!code) return std::nullopt;
        c = static_cast<char>(*code);
      }
    }
    out += c;
  }
  return out;
}

std::optional<std::string> decode_unicode_escapes(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    std::uint32_t code = static_cast<unsigned char>(text.front());
    const bool escape = text.size() > 1 && code == '\\' && (text[1] == 'u' || text[1] == 'U');
    if (escape) {
      const std::size_t digits = text[1] == 'u' ? 4 : 8;
      text.remove_prefix(2);
      const auto value = take_hex(text, digits);
      if (!value || *value > 0x10FFFF) return std::nullopt;
      code = *value;
    } else {
      text.remove_prefix(1);
    }
    append_utf8(out, code);
  }
  return out;
}

}  // namespace kandinsky::pickle
