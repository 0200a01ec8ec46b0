#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "kandinsky/error.h"
#include "kandinsky/tokenizer.h"
#include "support/golden.h"

namespace kandinsky {
namespace {

std::filesystem::path data(const std::string& name) {
  return std::filesystem::path(KANDINSKY_SOURCE_DIR) / "tests/text/data" / name;
}

// Ids that the SentencePiece Python package gives.
TEST(SentencePieceTest, AgreesWithTheOriginal) {
  const auto expected = testing::read_json(data("sentencepiece.json"));
  for (const auto& [kind, model] : expected.items()) {
    const Tokenizer tokenizer = Tokenizer::load(data(kind + ".model"));
    EXPECT_EQ(tokenizer.kind(), "sentencepiece");
    EXPECT_EQ(tokenizer.vocab_size(), model.at("vocab_size").get<int>());
    for (const auto& c : model.at("cases")) {
      const auto ids = c.at("ids").get<std::vector<std::int32_t>>();
      EXPECT_EQ(tokenizer.encode(c.at("text").get<std::string>()), ids) << c;
      EXPECT_EQ(tokenizer.decode(ids), c.at("decoded").get<std::string>());
    }
    for (const auto& [id, piece] : model.at("pieces").items())
      EXPECT_EQ(tokenizer.id_to_piece(std::stoi(id)), piece.get<std::string>());
    const auto wrapped = tokenizer.encode_for_transformer(" КОТ ", 12);
    const auto inside = tokenizer.encode("кот");
    ASSERT_EQ(wrapped.size(), 12u);
    EXPECT_EQ(wrapped.front(), tokenizer.bos_id());
    EXPECT_EQ(std::vector<std::int32_t>(wrapped.begin() + 1, wrapped.begin() + 1 + inside.size()), inside);
    EXPECT_EQ(wrapped[inside.size() + 1], tokenizer.eos_id());
    EXPECT_EQ(wrapped.back(), tokenizer.pad_id());
    EXPECT_THROW(tokenizer.encode_with_dropout("кот", 0.1, 1), Error);
  }
}

TEST(SentencePieceTest, RefusesDamagedModels) {
  std::ifstream file(data("bpe.model"), std::ios::binary);
  const std::string whole{std::istreambuf_iterator<char>(file), {}};
  int refused = 0;
  for (std::size_t size = 0; size < whole.size(); size += 97) {
    try {
      Tokenizer::from_memory(std::as_bytes(std::span(whole).first(size)), "cut").encode("кот");
    } catch (const Error& error) {
      EXPECT_EQ(error.subject(), "cut");
      ++refused;
    }
  }
  EXPECT_GT(refused, 10);
}

}  // namespace
}  // namespace kandinsky
