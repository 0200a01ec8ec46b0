#include "image/base64.h"

#include <gtest/gtest.h>

#include "kandinsky/error.h"

namespace kandinsky {
namespace {

std::string encode(const std::string& text) { return encode_base64(std::as_bytes(std::span(text))); }
std::string decode(const std::string& text) {
  const auto bytes = decode_base64(text, "image");
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// RFC 4648, section 10.
TEST(Base64Test, KnownAnswers) {
  const std::pair<const char*, const char*> cases[] = {{"", ""},
                                                       {"f", "Zg=="},
                                                       {"fo", "Zm8="},
                                                       {"foo", "Zm9v"},
                                                       {"foob", "Zm9vYg=="},
                                                       {"fooba", "Zm9vYmE="},
                                                       {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, coded] : cases) {
    EXPECT_EQ(encode(plain), coded);
    EXPECT_EQ(decode(coded), plain);
  }
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  EXPECT_EQ(decode(encode(all)), all);
}

TEST(Base64Test, RefusesEverythingElse) {
  for (const char* wrong : {"Zg", "Zg=", "Z===", "Zg==Zg==", "Zm9\n", "Zm-v", "=Zm9"})
    EXPECT_THROW(decode(wrong), Error) << wrong;
}

}  // namespace
}  // namespace kandinsky
