// Lower-casing and stripping as Python's str does them (its documentation, and the Unicode Standard's sections 3.13 and
// 4.2), on utf8proc's tables.
#include <utf8proc.h>

#include <algorithm>
#include <array>

#include "kandinsky/tokenizer.h"
#include "text/utf8.h"

namespace kandinsky {
namespace {

// White space by Python's str.isspace().
bool is_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

// Punctuation that word breaking lets stand inside words: with marks, format characters and modifiers it does not end
// the context of a sigma.
constexpr std::array<char32_t, 18> inside_words = {0x27,   0x2E,   0x3A,   0xB7,   0x387,  0x55F,
                                                   0x5F4,  0x2018, 0x2019, 0x2024, 0x2027, 0xFE13,
                                                   0xFE52, 0xFE55, 0xFF07, 0xFF0E, 0xFF1A, 0x5E};

bool is_case_ignorable(char32_t c) {
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_SK:
      return true;
    default:
      return std::find(inside_words.begin(), inside_words.end(), c) != inside_words.end();
  }
}

bool is_cased(char32_t c) {
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
      return true;
    default:
      // Letters and numbers by property alone: ordinals, Roman numerals, circled and squared letters.
      return c == 0xAA || c == 0xBA || (c >= 0x2160 && c <= 0x217F) || (c >= 0x24B6 && c <= 0x24E9) ||
             (c >= 0x1F130 && c <= 0x1F149) || (c >= 0x1F150 && c <= 0x1F169) || (c >= 0x1F170 && c <= 0x1F189);
  }
}

// A sigma is final if a cased letter stands before it and none after it, case-ignorable characters passed over.
bool is_final_sigma(const std::u32string& text, std::size_t at) {
  std::size_t before = at;
  while (before > 0 && is_case_ignorable(text[before - 1])) --before;
  if (before == 0 || !is_cased(text[before - 1])) return false;
  std::size_t after = at + 1;
  while (after < text.size() && is_case_ignorable(text[after])) ++after;
  return after == text.size() || !is_cased(text[after]);
}

}  // namespace

std::string lower(std::string_view text) {
  const std::u32string code_points = decode_utf8(text);
  std::string result;
  result.reserve(text.size());
  for (std::size_t i = 0; i < code_points.size(); ++i) {
    const char32_t c = code_points[i];
    if (c == 0x130) {
      result += "i\xCC\x87";
    } else if (c == 0x3A3) {
      append_utf8(result, is_final_sigma(code_points, i) ? 0x3C2 : 0x3C3);
    } else {
      append_utf8(result, static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c))));
    }
  }
  return result;
}

std::string strip(std::string_view text) {
  const std::u32string code_points = decode_utf8(text);
  std::size_t first = 0;
  std::size_t last = code_points.size();
  while (first < last && is_space(code_points[first])) ++first;
  while (last > first && is_space(code_points[last - 1])) --last;
  return encode_utf8(std::u32string_view(code_points).substr(first, last - first));
}

}  // namespace kandinsky
