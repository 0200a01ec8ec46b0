#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "kandinsky/error.h"
#include "kandinsky/tokenizer.h"

namespace kandinsky {
namespace {

Tokenizer load(const std::string& text) { return Tokenizer::from_memory(std::as_bytes(std::span(text)), "model"); }

std::string message(const std::string& text) {
  try {
    load(text);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::bad_file);
    EXPECT_EQ(error.subject(), "model");
    return error.what();
  }
  return "";
}

// a, b, the word mark; ab, mark + ab.
const std::string small = "3 2\n97 4\n98 5\n9601 6\n4 5 7\n6 7 8\n1 0 2 3\n";

TEST(BpeModelTest, SmallModel) {
  const Tokenizer tokenizer = load(small);
  EXPECT_EQ(tokenizer.encode("ab aab ba"), (std::vector<std::int32_t>{8, 6, 4, 7, 6, 5, 4}));
  EXPECT_EQ(tokenizer.encode("xyz a"), (std::vector<std::int32_t>{6, 1, 6, 4}));
  EXPECT_EQ(tokenizer.decode(tokenizer.encode("ab aab ba")), "ab aab ba");
  EXPECT_EQ(load("3 2\r\n97 4\r\n98 5\r\n9601 6\r\n4 5 7\r\n6 7 8\r\n1 0 2 3\r\n").encode("ab"),
            (std::vector<std::int32_t>{8}));
}

TEST(BpeModelTest, RankDecidesThenPlace) {
  // aa, then aaa by the left pair.
  const Tokenizer tokenizer = load("2 2\n97 4\n9601 5\n4 4 6\n6 4 7\n1 0 2 3\n");
  EXPECT_EQ(tokenizer.encode("aaa"), (std::vector<std::int32_t>{5, 7}));
  EXPECT_EQ(tokenizer.encode("aaaaa"), (std::vector<std::int32_t>{5, 6, 7}));
}

TEST(BpeModelTest, RefusesWhatDoesNotFit) {
  const auto changed = [](const std::string& from, const std::string& to) {
    std::string text = small;
    return text.replace(text.find(from), from.size(), to);
  };
  EXPECT_EQ(message(small), "");
  EXPECT_EQ(message("3\n"), "model: line 1: expected the numbers of characters and of merge rules");
  EXPECT_EQ(message(changed("3 2", "3 99999999")),
            "model: 3 characters and 99999999 merge rules do not fit a file of 48 bytes");
  EXPECT_EQ(message(changed("3 2", "-3 2")), "model: -3 characters and 2 merge rules do not fit a file of 42 bytes");
  EXPECT_EQ(message(changed("3 2", "9999999999999999999999 2")),
            "model: line 1: expected the numbers of characters and of merge rules");
  for (const char* wrong : {"98 4", "98 9", "98 -1", "1114112 5", "55296 5", "97 5", "98", "98 5 5", "x 5", "98 5x"})
    EXPECT_EQ(message(changed("98 5", wrong)), "model: line 3: expected a Unicode code point and an id of its own")
        << wrong;
  for (const char* wrong : {"4 5 6", "4 8 7", "4 5 9", "-1 5 7", "4 5", "4 5 7 8"})
    EXPECT_EQ(message(changed("4 5 7", wrong)), "model: line 5: expected two known ids and a new one") << wrong;
  for (const char* wrong : {"1 0 2", "1 0 2 2", "1 0 2 4", "1 0 2 -1"})
    EXPECT_EQ(message(changed("1 0 2 3", wrong)),
              "model: line 7: expected the ids unk, pad, bos and eos, none of them taken")
        << wrong;
  EXPECT_EQ(message(small + "9 9 9\n"), "model: there is more after the special ids");
  EXPECT_EQ(message(small.substr(0, small.size() - 8)),
            "model: line 7: the file ends, expected the ids unk, pad, bos and eos, none of them taken");
  EXPECT_EQ(message(""), "model: neither a YouTokenToMe nor a SentencePiece model");
}

TEST(BpeModelTest, RefusesPiecesThatDoubleForEver) {
  std::string text = "1 60\n97 4\n";
  for (int i = 0; i < 60; ++i)
    text += std::to_string(4 + i) + " " + std::to_string(4 + i) + " " + std::to_string(5 + i) + "\n";
  EXPECT_EQ(message(text + "1 0 2 3\n"), "model: the pieces are longer than any real model's");
}

}  // namespace
}  // namespace kandinsky
