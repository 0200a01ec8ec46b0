#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <fstream>
#include <regex>
#include <set>

#include "apps/process.h"
#include "kandinsky/image.h"

namespace kandinsky::testing {
namespace {

constexpr const char* prompt = "красное сердце на синем фоне";

std::vector<std::string> generate(const std::string& out, std::vector<std::string> more = {}) {
  std::vector<std::string> arguments = {"generate", "--model", nano(),      "--prompt", prompt,
                                        "--out",    out,       "--threads", "1"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

std::string bytes_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(GenerateCommand, DrawsRanksAndEnlarges) {
  const Folder folder;
  const std::string out = folder / "сердца и пробелы/ещё";
  const Finished finished = run(generate(out, {"--images", "3", "--pick", "2", "--seed", "7"}));
  EXPECT_EQ(finished.exit_code, 0);
  EXPECT_EQ(finished.err, "") << "no progress bar without a terminal";
  const std::vector<std::string> lines = lines_of(finished.out);
  ASSERT_EQ(lines.size(), 3u) << finished.out;
  for (int i = 0; i < 2; ++i) {
    const std::string start = out + "/" + std::to_string(i + 1) + ".png";
    ASSERT_EQ(lines[i].find(start), 0u) << lines[i];
    EXPECT_TRUE(
        std::regex_match(lines[i].substr(start.size()), std::regex(R"(  -?0\.\d{3}  \(image [0-2], ppl \d+\.\d\))")))
        << lines[i];
    EXPECT_EQ(Image::load(start).width(), 512);
  }
  EXPECT_EQ(lines[2], out + "/contact-sheet.png  (seed 7)");
  EXPECT_EQ(folder.files().size(), 3u);
  EXPECT_GT(Image::load(out + "/contact-sheet.png").width(), 1024);
}

TEST(GenerateCommand, PrintsJson) {
  const Folder folder;
  const std::vector<std::string> arguments =
      generate(folder / "a", {"--images", "3", "--seed", "18446744073709551615", "--no-super-res"});
  const nlohmann::json json = run_json(arguments);
  EXPECT_EQ(json.size(), 3u);
  EXPECT_EQ(json.at("prompt"), prompt);
  EXPECT_EQ(json.at("seed").get<std::uint64_t>(), UINT64_MAX);
  const nlohmann::json& images = json.at("images");
  ASSERT_EQ(images.size(), 3u) << "four are to be picked, three are there";
  std::set<int> numbers;
  for (std::size_t i = 0; i < 3; ++i) {
    const nlohmann::json& image = images.at(i);
    EXPECT_EQ(image.size(), 5u);
    numbers.insert(image.at("number").get<int>());
    EXPECT_GT(image.at("ppl").get<double>(), 1);
    EXPECT_EQ(image.at("tokens").size(), 256u);
    EXPECT_EQ(image.at("file"), folder / "a/" + std::to_string(i + 1) + ".png");
    EXPECT_EQ(Image::load(image.at("file").get<std::string>()).width(), 128);
    const nlohmann::json& before = images.at(i == 0 ? 0 : i - 1);
    EXPECT_GE(before.at("clip_score").get<double>(), image.at("clip_score").get<double>());
  }
  EXPECT_EQ(numbers, (std::set<int>{0, 1, 2}));

  std::vector<std::string> again = arguments;
  again.insert(again.end(), {"--batch", "1"});
  EXPECT_EQ(run_json(again), json) << "the batch does not matter";
}

TEST(GenerateCommand, GreedyIsTheReference) {
  const Folder folder;
  const nlohmann::json reference = nlohmann::json::parse(std::ifstream(golden("nano/greedy.json"))).at("cases").at(0);
  const nlohmann::json json = run_json(generate(folder / "a", {"--greedy", "--no-rank", "--no-super-res"}));
  ASSERT_EQ(json.at("images").size(), 1u) << "greedy pictures are all the same: one is drawn";
  EXPECT_EQ(json.at("images").at(0).at("tokens"), reference.at("tokens"));
  EXPECT_TRUE(json.at("images").at(0).at("clip_score").is_null());
  EXPECT_LT(json.at("seed").get<std::uint64_t>(), std::uint64_t{1} << 32);
}

TEST(GenerateCommand, GoesOnFromAPicture) {
  const Folder folder;
  const std::string picture = golden("nano/pictures/e0.png");
  const nlohmann::json tokens = run_json({"encode", "--model", nano(), picture}).at("tokens");
  const nlohmann::json json = run_json(
      generate(folder / "a", {"--images", "1", "--no-super-res", "--image-prompt", picture, "--keep", "up=4,left=2"}));
  const nlohmann::json& drawn = json.at("images").at(0).at("tokens");
  for (int i = 0; i < 256; ++i) {
    if (i / 16 >= 4 && i % 16 >= 2) continue;
    EXPECT_EQ(drawn.at(i), tokens.at(i)) << i;
  }
  expect_error(generate(folder / "b", {"--image-prompt", golden("nano/ruclip/wide.png"), "--keep", "up=4"}), 2,
               "image prompt: is 201x120 pixels, expected 128x128");
  expect_error(generate(folder / "b", {"--image-prompt", picture, "--keep", "up=17"}), 2, "up: 17 tokens");
}

TEST(GenerateCommand, WritesJpegAndTheSheetWhereItIsTold) {
  const Folder folder;
  const Finished finished =
      run(generate(folder / "a", {"--images", "2", "--no-rank", "--no-super-res", "--format", "jpeg", "--seed", "1",
                                  "--contact-sheet", folder / "elsewhere/sheet.jpg"}));
  EXPECT_EQ(finished.exit_code, 0) << finished.err;
  EXPECT_EQ(folder.files(), (std::vector<std::string>{"a/1.jpg", "a/2.jpg", "elsewhere/sheet.jpg"}));
  EXPECT_EQ(bytes_of(folder / "a/1.jpg").substr(0, 3), "\xFF\xD8\xFF");
  EXPECT_TRUE(std::regex_search(finished.out, std::regex(R"(1\.jpg  \(image [01], ppl )"))) << finished.out;

  const Finished without = run(
      generate(folder / "b", {"--images", "1", "--no-rank", "--no-super-res", "--no-contact-sheet", "--seed", "1"}));
  EXPECT_EQ(lines_of(without.out).back(), "seed 1");
  EXPECT_FALSE(std::filesystem::exists(folder / "b/contact-sheet.png"));
}

TEST(GenerateCommand, DrawsABarOnATerminalAlone) {
  if (const int terminal = posix_openpt(O_RDWR | O_NOCTTY);
      terminal < 0 || grantpt(terminal) != 0 || close(terminal) != 0)
    GTEST_SKIP() << "no terminals here: /dev/pts is not mounted";
  const Folder folder;
  RunOptions terminal;
  terminal.err = Stderr::terminal;
  const Finished finished = run(generate(folder / "a", {"--images", "2", "--pick", "1", "--json"}), terminal);
  EXPECT_EQ(finished.exit_code, 0);
  EXPECT_TRUE(nlohmann::json::accept(finished.out)) << finished.out;
  for (const char* text : {"loading", "drawing", "████████████████████  256/256 tokens  2 images", "decoding",
                           "2/2 pictures", "ranking", "enlarging", "1/1 pictures"})
    EXPECT_NE(finished.err.find(text), std::string::npos) << text << "\n" << finished.err;
}

TEST(GenerateCommand, FailuresAreOneLine) {
  const Folder folder;
  const std::string file = folder.write("file", "text");
  expect_error({"generate", "--model", folder / "none", "--prompt", prompt, "--out", folder / "a"}, 1,
               "none: no such model directory");
  expect_error({"generate", "--model", file, "--prompt", prompt, "--out", folder / "a"}, 1,
               "file: is a file, not a model directory");
  expect_error({"generate", "--model", folder.path(), "--prompt", prompt, "--out", folder / "a"}, 1,
               "has no transformer");
  expect_error(generate(file), 1, "file: is a file, not a folder");
  expect_error(generate(file + "/below"), 1, "cannot be made");
  expect_error(generate("/proc/kandinsky"), 1, "cannot be made");
  expect_error(generate("/proc"), 1, "/proc: cannot be written to: ");
  expect_error(generate(folder / "a", {"--image-prompt", folder / "none.png", "--keep", "up=1"}), 1, "none.png");
  expect_error(generate(folder / "a", {"--image-prompt", file, "--keep", "up=1"}), 1, "file");
  expect_error(generate(folder / "a", {"--device", "cuda:99"}), 1, "cuda:99");
  expect_error(generate(folder / "a", {"--tokenizer", file}), 1, "file");
  expect_error(generate(folder / "a", {"--generation-config", folder.write("c.json", R"({"top_p": 2})")}), 1,
               "c.json: top_p is 2, expected a number above 0 and at most 1");
}

TEST(GenerateCommand, KeepsPicturesThoughNobodyReads) {
  const Folder folder;
  RunOptions options;
  options.out = Stdout::closed_pipe;
  const std::vector<std::string> arguments = generate(folder / "a", {"--images", "1", "--no-super-res"});
  const Finished closed = run(arguments, options);
  EXPECT_EQ(closed.signal, 0);
  EXPECT_EQ(closed.exit_code, 1);
  EXPECT_EQ(closed.err, "");
  EXPECT_EQ(folder.files(), (std::vector<std::string>{"a/1.png", "a/contact-sheet.png"}));
  options.out = Stdout::full_device;
  const Finished full = run(arguments, options);
  EXPECT_EQ(full.exit_code, 1);
  EXPECT_EQ(full.err, "kandinsky generate: standard output cannot be written: No space left on device\n");
}

TEST(GenerateCommand, TheLastOfTwoValuesCounts) {
  const Folder folder;
  const nlohmann::json json = run_json(
      generate(folder / "a", {"--images", "4", "--images", "1", "--seed", "1", "--seed", "2", "--no-super-res"}));
  EXPECT_EQ(json.at("images").size(), 1u);
  EXPECT_EQ(json.at("seed"), 2);
}

TEST(GenerateCommand, JsonIsValidWhateverTheFolderIsCalled) {
  const Folder folder;
  const nlohmann::json json = run_json(generate(folder / "b\xFF\"", {"--images", "1", "--no-super-res"}));
  EXPECT_NE(json.at("images").at(0).at("file").get<std::string>().find("b\xEF\xBF\xBD\"/1.png"), std::string::npos);
}

}  // namespace
}  // namespace kandinsky::testing
