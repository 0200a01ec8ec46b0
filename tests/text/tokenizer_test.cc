#include "kandinsky/tokenizer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <string>
#include <vector>

#include "kandinsky/error.h"
#include "support/golden.h"

namespace kandinsky {
namespace {

using Ids = std::vector<std::int32_t>;

const Tokenizer& nano() {
  static const Tokenizer tokenizer = Tokenizer::load(testing::nano_path("tokenizer/bpe.model"));
  return tokenizer;
}

std::vector<nlohmann::json> cases() {
  std::ifstream file(testing::golden_path("tokenizer/cases.jsonl"));
  std::vector<nlohmann::json> result;
  for (std::string line; std::getline(file, line);) result.push_back(nlohmann::json::parse(line));
  return result;
}

TEST(TokenizerTest, AgreesWithTheReference) {
  int count = 0;
  for (const auto& c : cases()) {
    const std::string text = c.at("text");
    SCOPED_TRACE(text);
    EXPECT_EQ(nano().encode(text), c.at("ids").get<Ids>());
    EXPECT_EQ(strip(lower(text)), c.at("norm").get<std::string>());
    EXPECT_EQ(nano().encode_for_transformer(text, 32), c.at("dalle").get<Ids>());
    Ids ruclip = c.at("ruclip");
    ruclip.resize(77);
    EXPECT_EQ(nano().encode_for_ruclip(c.at("norm").get<std::string>()), ruclip);
    EXPECT_EQ(nano().decode_text(c.at("dalle").get<Ids>()), c.at("decoded").get<std::string>());
    // For unknown characters the reference gives the text itself as the piece.
    const Ids ids = c.at("ids");
    if (c.contains("pieces") && std::find(ids.begin(), ids.end(), nano().unk_id()) == ids.end()) {
      const auto pieces = c.at("pieces").get<std::vector<std::string>>();
      ASSERT_EQ(pieces.size(), ids.size());
      for (std::size_t i = 0; i < ids.size(); ++i) EXPECT_EQ(nano().id_to_piece(ids[i]), pieces[i]);
    }
    ++count;
  }
  EXPECT_GT(count, 100);
}

TEST(TokenizerTest, RawBytesAndLookUps) {
  const auto raw = testing::read_json(testing::golden_path("tokenizer/raw.json"));
  for (const auto& c : raw.at("invalid_utf8")) {
    const std::string hex = c.at("bytes");
    std::string bytes;
    for (std::size_t i = 0; i < hex.size(); i += 2)
      bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
    EXPECT_EQ(nano().encode(bytes), c.at("ids").get<Ids>()) << hex;
  }
  for (const auto& c : raw.at("decode"))
    EXPECT_EQ(nano().decode(c.at("ids").get<Ids>(), c.at("ignore").get<Ids>()), c.at("text").get<std::string>()) << c;
  for (const auto& [id, piece] : raw.at("id_to_subword").items())
    EXPECT_EQ(nano().id_to_piece(std::stoi(id)), piece.get<std::string>());
  for (const auto& [piece, id] : raw.at("subword_to_id").items())
    EXPECT_EQ(nano().piece_to_id(piece), id.get<int>()) << piece;
  EXPECT_EQ(nano().vocab_size(), raw.at("vocab_size").get<int>());
  EXPECT_EQ(nano().pad_id(), 0);
  EXPECT_EQ(nano().unk_id(), 1);
  EXPECT_EQ(nano().bos_id(), 2);
  EXPECT_EQ(nano().eos_id(), 3);
  EXPECT_EQ(nano().kind(), "yttm");
}

TEST(TokenizerTest, BatchIsTheSameOnAnyThreads) {
  std::vector<std::string> texts;
  std::vector<Ids> expected;
  for (const auto& c : cases()) {
    texts.push_back(c.at("text"));
    expected.push_back(c.at("ids"));
  }
  for (const int threads : {0, 1, 2, 3, 4}) EXPECT_EQ(nano().encode_batch(texts, threads), expected) << threads;
  EXPECT_TRUE(nano().encode_batch({}, 4).empty());
  EXPECT_THROW(nano().encode_batch(texts, -1), Error);
}

TEST(TokenizerTest, Dropout) {
  for (const auto& c : cases()) {
    const std::string text = c.at("norm");
    const Ids all = nano().encode(text);
    EXPECT_EQ(nano().encode_with_dropout(text, 0, 5), all);
    EXPECT_EQ(nano().encode_with_dropout(text, 0.4, 5), nano().encode_with_dropout(text, 0.4, 5));
    EXPECT_GE(nano().encode_with_dropout(text, 1, 5).size(), all.size());
    EXPECT_EQ(nano().decode(nano().encode_with_dropout(text, 0.5, 9)), nano().decode(all));
  }
  const Ids characters = nano().encode_with_dropout("красное сердце", 1, 1);
  EXPECT_EQ(characters.size(), 15u);  // 13 letters and a mark for each word
  EXPECT_NE(nano().encode_with_dropout("красное сердце на синем фоне", 0.5, 1),
            nano().encode_with_dropout("красное сердце на синем фоне", 0.5, 2));
  EXPECT_THROW(nano().encode_with_dropout("а", 1.5, 1), Error);
  EXPECT_THROW(nano().encode_with_dropout("а", -0.1, 1), Error);
}

TEST(TokenizerTest, CutsAndPads) {
  EXPECT_EQ(nano().encode_for_transformer("", 4), (Ids{2, 3, 0, 0}));
  EXPECT_EQ(nano().encode_for_transformer("", 1), (Ids{2}));
  EXPECT_EQ(nano().encode_for_ruclip("", 4), (Ids{2, 3, 0, 0}));
  std::string endless;
  for (int i = 0; i < 200; ++i) endless += "сердце ";
  EXPECT_EQ(nano().encode_for_transformer(endless, 32).size(), 32u);
  EXPECT_NE(nano().encode_for_transformer(endless, 32).back(), 3);
  EXPECT_EQ(nano().encode_for_ruclip(endless, 77).back(), 3);
  EXPECT_THROW(nano().encode_for_transformer("а", 0), Error);
  EXPECT_THROW(nano().encode_for_ruclip("а", 1), Error);
}

TEST(TokenizerTest, RefusesIdsOutOfRange) {
  for (const std::int32_t id : {-1, 2048, 1 << 30}) {
    EXPECT_THROW(nano().decode(Ids{id}), Error);
    EXPECT_THROW(nano().id_to_piece(id), Error);
  }
  EXPECT_EQ(nano().decode(Ids{-1, 9999, 100}, Ids{-1, 9999}), "ве");
}

TEST(TokenizerTest, LongWordsTakeNoLong) {
  std::string word;
  while (word.size() < 1'000'000) word += "сердцекот";
  const auto start = std::chrono::steady_clock::now();
  const Ids ids = nano().encode(word);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));  // quadratic would take hours
  EXPECT_EQ(nano().decode(ids), word);
}

TEST(TokenizerTest, MissingAndForeignFiles) {
  const auto message = [](const std::string& path) -> std::string {
    try {
      Tokenizer::load(path);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(message("/no/such/bpe.model"), "/no/such/bpe.model: there is no such file");
  EXPECT_EQ(message("/tmp"), "/tmp: expected a file");
  const std::string png = testing::golden_path("nano/pictures/e0.png");
  EXPECT_EQ(message(png), png + ": neither a YouTokenToMe nor a SentencePiece model");
}

}  // namespace
}  // namespace kandinsky
