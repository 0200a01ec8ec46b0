#include <gtest/gtest.h>

#include <string>

#include "kandinsky/tokenizer.h"
#include "text/utf8.h"

namespace kandinsky {
namespace {

TEST(CaseTest, Lower) {
  EXPECT_EQ(lower("КРАСНОЕ Сердце ЁЖ"), "красное сердце ёж");
  EXPECT_EQ(lower("İI"), "i̇i");
  EXPECT_EQ(lower("ẞßŒǅ"), "ßßœǆ");
  EXPECT_EQ(lower("ⅣⒶ𐐀"), "ⅳⓐ𐐨");
  EXPECT_EQ(lower(""), "");
}

// A sigma is final after a letter and before none; marks and apostrophes do not count.
TEST(CaseTest, FinalSigma) {
  EXPECT_EQ(lower("ΟΔΟΣ ΟΔΥΣΣΕΥΣ"), "οδος οδυσσευς");
  EXPECT_EQ(lower("Σ"), "σ");
  EXPECT_EQ(lower("ΑΣ\xCC\x81"), "ας\xCC\x81");
  EXPECT_EQ(lower("ΑΣ'Α"), "ασ'α");
  EXPECT_EQ(lower("ΑΣ."), "ας.");
  EXPECT_EQ(lower("1Σ"), "1σ");
  EXPECT_EQ(lower("Α Σ"), "α σ");
}

TEST(CaseTest, Strip) {
  EXPECT_EQ(strip("  кот \t\r\n"), "кот");
  EXPECT_EQ(
      strip("\x1C\x1F\xC2\x85\xC2\xA0\xE1\x9A\x80\xE2\x80\x80кот\xE2\x80\xA8\xE2\x80\xAF\xE2\x81\x9F\xE3\x80\x80"),
      "кот");
  for (const char* kept : {"\xE2\x80\x8B", "\xE1\xA0\x8E", "\xEF\xBB\xBF"})
    EXPECT_EQ(strip(std::string(kept) + "кот"), std::string(kept) + "кот");
  EXPECT_EQ(strip(" \t "), "");
}

TEST(Utf8Test, RoundTrip) {
  for (char32_t c = 1; c <= 0x10FFFF; c += c < 0x3000 ? 1 : 97) {
    if (c >= 0xD800 && c <= 0xDFFF) continue;
    std::string text;
    append_utf8(text, c);
    ASSERT_EQ(decode_utf8(text), std::u32string(1, c));
  }
}

}  // namespace
}  // namespace kandinsky
