#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace kandinsky::pickle {

// The texts of protocol 0. nullopt where they are malformed.

// A Python string literal with its quotes, as repr() writes it: 'it\'s\n'.
std::optional<std::string> decode_quoted(std::string_view literal);
// The raw-unicode-escape encoding (Latin-1 with \uXXXX and \UXXXXXXXX), as UTF-8.
std::optional<std::string> decode_unicode_escapes(std::string_view text);

}  // namespace kandinsky::pickle
