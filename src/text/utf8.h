#pragma once
#include <string>
#include <string_view>

namespace kandinsky {

// Code points of UTF-8 text. A byte that starts no valid sequence (overlong forms, surrogates and values above U+10FFFF
// are invalid) is dropped, and reading goes on at the next one.
std::u32string decode_utf8(std::string_view text);

// Throws Error (invalid_argument) about `subject` that names the first byte of an invalid sequence.
void check_utf8(std::string_view text, const char* subject);

void append_utf8(std::string& to, char32_t code_point);
std::string encode_utf8(std::u32string_view code_points);

}  // namespace kandinsky
