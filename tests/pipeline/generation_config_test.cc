#include "pipeline/generation_config.h"

#include <gtest/gtest.h>

#include "pipeline/nano.h"

namespace kandinsky::testing {
namespace {

TEST(GenerationConfig, ReadsWhatItKnows) {
  const TemporaryFolder folder;
  const GenerationConfig full =
      GenerationConfig::load(folder.write("full.json", R"({"top_k": 512, "top_p": 0.95, "temperature": 0.5})"));
  EXPECT_EQ(full.top_k, 512);
  EXPECT_EQ(full.top_p, 0.95);
  EXPECT_EQ(full.temperature, 0.5);
  const GenerationConfig empty = GenerationConfig::load(folder.write("empty.json", "{}"));
  EXPECT_FALSE(empty.top_k || empty.top_p || empty.temperature);
}

TEST(GenerationConfig, NamesFileAndKeyOfWhatIsWrong) {
  const TemporaryFolder folder;
  const auto message = [&](const std::string& text) {
    const std::filesystem::path file = folder.write("c.json", text);
    const Error error = error_of([&] { GenerationConfig::load(file); });
    EXPECT_EQ(error.code(), ErrorCode::bad_file) << text;
    EXPECT_EQ(error.subject(), file.string());
    return std::string(error.what()).substr(file.string().size());
  };
  EXPECT_EQ(message(R"({"top_k": -1})"), ": top_k is -1, expected a whole number from 0");
  EXPECT_EQ(message(R"({"top_k": 1.5})"), ": top_k is 1.5, expected a whole number from 0");
  EXPECT_EQ(message(R"({"top_k": 1e300})"), ": top_k is 1e+300, expected a whole number from 0");
  EXPECT_EQ(message(R"({"top_k": "512"})"), ": top_k is \"512\", expected a whole number from 0");
  EXPECT_EQ(message(R"({"top_p": 0})"), ": top_p is 0, expected a number above 0 and at most 1");
  EXPECT_EQ(message(R"({"top_p": [0.9]})"), ": top_p is array, expected a number above 0 and at most 1");
  EXPECT_EQ(message(R"({"temperature": null})"), ": temperature is null, expected a number above 0 and at most 1000");
  EXPECT_EQ(message(R"({"topk": 5})"), ": unknown key \"topk\" (known are top_k, top_p and temperature)");
  EXPECT_EQ(message("[1]"), ": is not a JSON object");
  EXPECT_EQ(message("{"), ": is not a JSON object");
  EXPECT_EQ(message(""), ": is not a JSON object");
  EXPECT_EQ(message(std::string((1 << 20) + 1, ' ')), ": is too large for a generation config");
  EXPECT_EQ(message(std::string(500000, '[')), ": is not a JSON object");
}

TEST(GenerationConfig, MissingFilesAreNotFound) {
  EXPECT_EQ(error_of([] { GenerationConfig::load("/no/such/file.json"); }).code(), ErrorCode::not_found);
  EXPECT_EQ(error_of([] { GenerationConfig::load("/tmp"); }).code(), ErrorCode::io);
}

}  // namespace
}  // namespace kandinsky::testing
