// encode, decode, score and upscale.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "apps/process.h"
#include "kandinsky/image.h"
#include "support/golden.h"

namespace kandinsky::testing {
namespace {

int largest_difference(const Image& a, const Image& b) {
  if (a.width() != b.width() || a.height() != b.height()) return 256;
  int largest = 0;
  for (std::size_t i = 0; i < a.pixels().size(); ++i)
    largest = std::max(largest, std::abs(a.pixels()[i] - b.pixels()[i]));
  return largest;
}

TEST(EncodeCommand, GivesTheReferencesTokens) {
  const Golden cases("nano/vqgan/cases.safetensors");
  const nlohmann::json json = run_json({"encode", "--model", nano(), golden("nano/pictures/e1.png")});
  EXPECT_EQ(json.size(), 3u);
  EXPECT_EQ(json.at("width"), 16);
  EXPECT_EQ(json.at("height"), 16);
  EXPECT_EQ(json.at("tokens").get<std::vector<std::int32_t>>(), cases.ints("e1.ids"));

  const Finished plain =
      run({"encode", "--vqgan", nano() + "/vae/vqgan.gumbelf8.model.ckpt", golden("nano/pictures/e1.png")});
  EXPECT_EQ(plain.exit_code, 0) << plain.err;
  EXPECT_EQ(lines_of(plain.out).size(), 16u);
}

TEST(EncodeCommand, DecodeTakesWhatItWrites) {
  const Folder folder;
  const Finished encoded =
      run({"encode", "--model", nano(), golden("nano/pictures/e0.png"), "--out", folder / "папка/tokens.json"});
  EXPECT_EQ(encoded.exit_code, 0) << encoded.err;
  EXPECT_EQ(encoded.out, folder / "папка/tokens.json  16x16 tokens\n");
  const Finished decoded =
      run({"decode", "--model", nano(), folder / "папка/tokens.json", "--out", folder / "новая/picture.png"});
  EXPECT_EQ(decoded.exit_code, 0) << decoded.err;
  EXPECT_EQ(decoded.out, folder / "новая/picture.png  128x128\n");
  const Image picture = Image::load(folder / "новая/picture.png");
  EXPECT_LE(largest_difference(picture, Image::load(golden("nano/vqgan/e0_decoded.png"))), 1);

  RunOptions from_stdin;
  std::ifstream tokens(folder / "папка/tokens.json");
  from_stdin.input.assign(std::istreambuf_iterator<char>(tokens), {});
  const nlohmann::json json = run_json({"decode", "--model", nano(), "--out", folder / "b.png"}, from_stdin);
  EXPECT_EQ(json, (nlohmann::json{{"file", folder / "b.png"}, {"width", 128}, {"height", 128}}));
  EXPECT_TRUE(Image::load(folder / "b.png") == picture);
}

TEST(EncodeCommand, TakesAnyRectangleOfWholeTokens) {
  const Folder folder;
  Image::load(golden("nano/pictures/e0.png")).crop(0, 0, 64, 24).save(folder / "strip.png");
  const nlohmann::json json = run_json({"encode", "--model", nano(), folder / "strip.png"});
  EXPECT_EQ(json.at("width"), 8);
  EXPECT_EQ(json.at("height"), 3);
  EXPECT_EQ(json.at("tokens").size(), 24u);
  RunOptions from_stdin;
  from_stdin.input = json.dump();
  EXPECT_EQ(run_json({"decode", "--model", nano(), "-", "--out", folder / "b.jpg"}, from_stdin).at("width"), 64);

  Image(130, 128).save(folder / "odd.png");
  expect_error({"encode", "--model", nano(), folder / "odd.png"}, 2, "130");
  expect_error({"encode", "--model", nano(), folder / "none.png"}, 1, "none.png");
  expect_error({"encode", "--model", nano(), folder.path()}, 1, folder.path());
  expect_error({"encode", "--vqgan", folder / "odd.png", golden("nano/pictures/e0.png")}, 1, "odd.png");
}

TEST(DecodeCommand, NamesWhatIsWrongWithTheTokens) {
  const Folder folder;
  const auto expect_bad = [&](const std::string& text, const std::string& message) {
    RunOptions options;
    options.input = text;
    expect_error({"decode", "--model", nano(), "--out", folder / "a.png"}, 1, "standard input: " + message, options);
  };
  expect_bad("", "is not a JSON object");
  expect_bad("[1]", "is not a JSON object");
  expect_bad(R"({"height": 1, "tokens": [1]})", "has no width");
  expect_bad(R"({"width": 0, "height": 1, "tokens": []})", "width is not a whole number from 1 to 4096");
  expect_bad(R"({"width": 1.5, "height": 1, "tokens": [1]})", "width is not a whole number");
  expect_bad(R"({"width": 1, "height": 18446744073709551615, "tokens": [1]})", "height is not a whole number");
  expect_bad(R"({"width": 1, "height": 1})", "tokens is not a list");
  expect_bad(R"({"width": 2, "height": 2, "tokens": [1, 2, 3]})", "has 3 tokens, expected 2x2 = 4");
  expect_bad(R"({"width": 1, "height": 1, "tokens": [-1]})", "a token is not a whole number from 0");
  expect_bad(R"({"width": 1, "height": 1, "tokens": ["1"]})", "a token is not a whole number from 0");
  RunOptions options;
  options.input = R"({"width": 1, "height": 1, "tokens": [2048]})";
  expect_error({"decode", "--model", nano(), "--out", folder / "a.png"}, 2, "2048", options);
  expect_error({"decode", "--model", nano(), folder / "none.json", "--out", folder / "a.png"}, 1, "none.json");
  expect_error({"decode", "--model", nano(), folder.path(), "--out", folder / "a.png"}, 1, folder.path());
  expect_error({"decode", "--model", nano(), "--out", folder / "a.txt"}, 2, "does not end in .png");
  EXPECT_TRUE(folder.files().empty());
}

TEST(ScoreCommand, GivesTheReferencesScores) {
  const Golden cases("nano/ruclip/cases.safetensors");
  const std::vector<float> expected = cases.floats("scores_label_by_picture");
  std::vector<std::string> arguments = {"score", "--model", nano()};
  std::vector<std::string> files;
  for (const auto& name : cases.info().at("pictures"))
    files.push_back(golden("nano/pictures/" + name.get<std::string>() + ".png"));
  const std::vector<std::string> labels = cases.info().at("labels");
  for (const std::string& label : labels) arguments.insert(arguments.end(), {"--text", label});
  arguments.insert(arguments.end(), files.begin(), files.end());
  const nlohmann::json json = run_json(arguments);
  EXPECT_EQ(json.size(), 2u);
  EXPECT_EQ(json.at("texts").get<std::vector<std::string>>(), labels);
  ASSERT_EQ(json.at("images").size(), 4u);
  for (std::size_t i = 0; i < 4; ++i) {
    const nlohmann::json& image = json.at("images").at(i);
    EXPECT_EQ(image.at("file"), files[i]);
    ASSERT_EQ(image.at("scores").size(), 6u);
    for (std::size_t t = 0; t < 6; ++t) EXPECT_NEAR(image.at("scores").at(t).get<double>(), expected[t * 4 + i], 1e-4);
  }
}

TEST(ScoreCommand, PrintsALineForEveryPair) {
  const std::string image = golden("nano/pictures/e1.png");
  const Finished finished = run({"score", "--ruclip", nano() + "/ruclip", image, "--text", "кот", "--text", "пицца"});
  EXPECT_EQ(finished.exit_code, 0) << finished.err;
  const std::vector<std::string> lines = lines_of(finished.out);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0], "0.573  " + image + "  кот");
  expect_error({"score", "--model", nano(), "none.png", "--text", "кот"}, 1, "none.png");
  expect_error({"score", "--ruclip", "/no/such", image, "--text", "кот"}, 1, "/no/such");
  expect_error({"score", "--model", nano(), image, "--text", "\xFF"}, 2, "--text: is not valid UTF-8");
}

TEST(UpscaleCommand, GivesTheReferencesPicture) {
  const Folder folder;
  const Finished finished = run({"upscale", "--model", nano(), golden("nano/esrgan/in.png"), "--out", folder / "x4.png",
                                 "--reference-tiling", "--threads", "1"});
  EXPECT_EQ(finished.exit_code, 0) << finished.err;
  EXPECT_EQ(finished.err, "");
  const Image large = Image::load(folder / "x4.png");
  EXPECT_LE(largest_difference(large, Image::load(golden("nano/esrgan/out.png"))), 1);
  EXPECT_EQ(finished.out,
            folder / "x4.png  " + std::to_string(large.width()) + "x" + std::to_string(large.height()) + "\n");

  const nlohmann::json json =
      run_json({"upscale", "--real-esrgan", nano() + "/x4/RealESRGAN_x4.pth", golden("nano/esrgan/in.png"), "--out",
                folder / "default.png", "--threads", "1"});
  EXPECT_EQ(json.at("width"), large.width());
  EXPECT_LE(largest_difference(Image::load(folder / "default.png"), large), 2);
}

TEST(UpscaleCommand, FailuresAreOneLine) {
  const Folder folder;
  const std::string in = golden("nano/esrgan/in.png");
  expect_error({"upscale", "--model", nano(), folder / "none.png", "--out", folder / "a.png"}, 1, "none.png");
  expect_error({"upscale", "--model", nano(), in, "--out", folder / "a.gif"}, 2, "a.gif");
  expect_error({"upscale", "--model", nano(), in, "--out", "/proc/a.png"}, 1, "/proc: cannot be written to: ");
  expect_error({"upscale", "--model", nano(), in, "--out", folder / "a.png", "--tile", "10"}, 2, "--tile: '10' is not");
  expect_error({"upscale", "--real-esrgan", in, in, "--out", folder / "a.png"}, 1, "in.png");
  std::filesystem::create_directory(folder / "folder.png");
  expect_error({"upscale", "--model", nano(), in, "--out", folder / "folder.png"}, 1, "folder.png: is a folder");
}

}  // namespace
}  // namespace kandinsky::testing
