#pragma once
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kandinsky {

// RFC 4648, section 4, with padding. decode_base64 takes nothing else: throws Error (invalid_argument) that names
// `subject` and the place.
std::string encode_base64(std::span<const std::byte> bytes);
std::vector<std::byte> decode_base64(std::string_view text, const std::string& subject);

}  // namespace kandinsky
