#pragma once
#include <string>
#include <string_view>

namespace kandinsky {

// Text from a file, made safe for a one-line message or a terminal: control characters and bytes that are not
// UTF-8 become \xHH, and what is longer than `longest` bytes is cut with "...".
std::string printable(std::string_view text, std::size_t longest = 120);

}  // namespace kandinsky
