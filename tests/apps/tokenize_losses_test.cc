#include <gtest/gtest.h>

#include <fstream>

#include "apps/process.h"

namespace kandinsky::testing {
namespace {

using nlohmann::json;

std::vector<json> tokenizer_cases() {
  std::ifstream file(golden("tokenizer/cases.jsonl"));
  std::vector<json> cases;
  for (std::string line; std::getline(file, line);) {
    json one = json::parse(line);
    if (one.at("text").get<std::string>().find('\n') == std::string::npos) cases.push_back(std::move(one));
  }
  return cases;
}

std::vector<json> tokenized(const std::vector<json>& cases, const std::string& target) {
  RunOptions options;
  for (const json& one : cases) options.input += one.at("text").get<std::string>() + "\n";
  const Finished finished = run({"tokenize", "--model", nano(), "--for", target, "--json"}, options);
  EXPECT_EQ(finished.exit_code, 0) << finished.err;
  EXPECT_EQ(finished.err, "");
  std::vector<json> lines;
  for (const std::string& line : lines_of(finished.out)) lines.push_back(json::parse(line));
  EXPECT_EQ(lines.size(), cases.size());
  lines.resize(cases.size());
  return lines;
}

TEST(TokenizeCommand, GivesTheReferencesIdsForLines) {
  const std::vector<json> cases = tokenizer_cases();
  ASSERT_GT(cases.size(), 300u);
  const std::vector<json> raw = tokenized(cases, "raw");
  const std::vector<json> transformer = tokenized(cases, "transformer");
  const std::vector<json> ruclip = tokenized(cases, "ruclip");
  for (std::size_t i = 0; i < cases.size(); ++i) {
    SCOPED_TRACE(cases[i].at("text"));
    EXPECT_EQ(raw[i], (json{{"ids", cases[i].at("ids")}}));
    EXPECT_EQ(transformer[i], (json{{"ids", cases[i].at("dalle")}}));
    json padded = cases[i].at("ruclip");
    while (padded.size() < 77) padded.push_back(0);
    EXPECT_EQ(ruclip[i], (json{{"ids", padded}}));
  }
}

TEST(TokenizeCommand, TakesTextsAsArguments) {
  const Finished finished =
      run({"tokenize", "--model", nano(), "--for", "raw", "очень-очень длинный дракон", "", "кот"});
  EXPECT_EQ(finished.exit_code, 0) << finished.err;
  const std::vector<std::string> lines = lines_of(finished.out);
  ASSERT_EQ(lines.size(), 3u) << finished.out;
  EXPECT_EQ(lines[0].find("136 38 367 99 "), 0u) << lines[0];
  EXPECT_EQ(lines[1], "");
}

TEST(TokenizeCommand, TransformerIsTheDefault) {
  const json ids = run_json({"tokenize", "--model", nano(), ""}).at("ids");
  EXPECT_EQ(ids.size(), 32u);
  EXPECT_EQ(ids.at(0), 2);
  EXPECT_EQ(ids.at(1), 3);
  const std::string tokenizer = nano() + "/tokenizer/bpe.model";
  EXPECT_EQ(run_json({"tokenize", "--tokenizer", tokenizer, "кот"}).at("ids").size(), 128u);
  EXPECT_EQ(run_json({"tokenize", "--tokenizer", tokenizer, "--length", "5", "кот"}).at("ids").size(), 5u);
  EXPECT_EQ(run_json({"tokenize", "--tokenizer", tokenizer, "--for", "ruclip", "кот"}).at("ids").size(), 77u);
}

TEST(TokenizeCommand, FailsCleanly) {
  expect_error({"tokenize", "--model", "/no/such", "кот"}, 1, "/no/such");
  expect_error({"tokenize", "--tokenizer", nano() + "/x4/NOTICE", "кот"}, 1, "NOTICE");
  expect_error({"tokenize", "--tokenizer", "/tmp", "кот"}, 1, "/tmp");
  expect_error({"tokenize", "--model", nano(), "--for", "clip", "кот"}, 2, "--for: 'clip' is not one of");
  expect_error({"tokenize", "--model", nano(), "--length", "1", "кот"}, 2, "--length: '1' is not");
  EXPECT_EQ(run({"tokenize", "--model", nano(), "--json"}).out, "") << "no lines, no output";
}

TEST(TokenizeCommand, StopsQuietlyWhenNobodyReads) {
  RunOptions options;
  options.out = Stdout::closed_pipe;
  for (int i = 0; i < 20000; ++i) options.input += "красное сердце на синем фоне\n";
  const Finished finished = run({"tokenize", "--model", nano()}, options);
  EXPECT_EQ(finished.signal, 0);
  EXPECT_EQ(finished.exit_code, 1);
  EXPECT_EQ(finished.err, "");
}

TEST(LossesCommand, GivesTheReferencesLosses) {
  // The cases of nano/transformer/teacher_forced.safetensors.
  const Folder folder;
  std::filesystem::create_directory_symlink(golden("nano/pictures"), folder / "картинки и");
  const std::string table = folder.write("t.tsv",
                                         "картинки и/e0.png\tкрасное сердце на синем фоне\r\n"
                                         "\n"
                                         "картинки и/e1.png\tкот на желтом фоне\n"
                                         "картинки и/d0.png\tБольшой эмодзи пицца");
  const json result = run_json({"losses", "--model", nano(), table, "--threads", "1"});
  EXPECT_EQ(result.size(), 4u);
  EXPECT_EQ(result.at("pairs"), 3);
  EXPECT_NEAR(result.at("text").get<double>(), (0.84587 + 1.04794 + 0.773484) / 3, 2e-5);
  EXPECT_NEAR(result.at("image").get<double>(), (0.72678 + 1.3956 + 8.16485) / 3, 2e-5);
  EXPECT_NEAR(result.at("total").get<double>(), (0.741666 + 1.35214 + 7.24093) / 3, 2e-5);

  RunOptions options;
  options.working_directory = folder.path();
  const Finished plain = run({"losses", "--model", nano(), "t.tsv", "--threads", "1"}, options);
  EXPECT_EQ(plain.exit_code, 0) << plain.err;
  EXPECT_EQ(plain.err, "");
  EXPECT_EQ(lines_of(plain.out).at(0), "pairs 3");
}

TEST(LossesCommand, NamesTheLineThatIsWrong) {
  const Folder folder;
  const std::string picture = golden("nano/pictures/e0.png");
  const auto expect_bad = [&](const std::string& text, const std::string& message) {
    expect_error({"losses", "--model", nano(), folder.write("t.tsv", text)}, 1, "t.tsv" + message);
  };
  expect_bad("", ": holds no pairs");
  expect_bad(picture + "\tкот\n" + picture + " кот\n", ":2: expected a picture's path, a tab and its caption");
  expect_bad(picture + "\tкот\tпёс\n", ":1: expected a picture's path");
  expect_bad("\tкот\n", ":1: expected a picture's path");
  expect_bad("\n\nnone.png\tкот\n", ":3: there is no file " + folder / "none.png");
  expect_bad(picture + "\t\xD0\n", ":1: the caption is not valid UTF-8");
  expect_error({"losses", "--model", nano(), folder / "none.tsv"}, 1, "none.tsv");
  expect_error({"losses", "--model", nano(), folder.path()}, 1, folder.path());
  expect_error({"losses", "--model", nano(), folder.write("t.tsv", nano() + "/NOTICE\tкот\n")}, 1, "NOTICE");
}

}  // namespace
}  // namespace kandinsky::testing
