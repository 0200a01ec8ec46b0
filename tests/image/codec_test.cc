#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>

#include "image/file_bytes.h"
#include "kandinsky/error.h"
#include "kandinsky/image.h"
#include "support/golden.h"

namespace kandinsky {
namespace {

std::filesystem::path golden(const std::string& name) { return testing::golden_path("nano/ruclip/" + name); }

TEST(CodecTest, ReadsGreyPaletteAndAlpha) {
  const auto cases = testing::Golden("nano/ruclip/cases.safetensors").info().at("images");
  for (const auto& [name, c] : cases.items()) {
    const Image image = Image::load(golden(name + ".png"));
    EXPECT_EQ(image.width(), c.at("size")[0].get<int>()) << name;
    EXPECT_EQ(image.height(), c.at("size")[1].get<int>()) << name;
  }
  const Image grey = Image::load(golden("grey.png"));
  for (int x = 0; x < grey.width(); ++x) EXPECT_EQ(grey.row(3)[x * 3], grey.row(3)[x * 3 + 2]);
}

TEST(CodecTest, PngKeepsEveryPixel) {
  Image image(33, 17);
  std::mt19937 random(5);
  for (std::uint8_t& value : image.pixels()) value = static_cast<std::uint8_t>(random());
  EXPECT_EQ(Image::decode(image.encode(ImageFormat::png)), image);
}

TEST(CodecTest, JpegStaysClose) {
  const Image image = Image::load(golden("square.png"));
  for (const int quality : {100, 95, 50}) {
    const Image back = Image::decode(image.encode(ImageFormat::jpeg, quality));
    ASSERT_EQ(back.width(), image.width());
    double error = 0;
    for (std::size_t i = 0; i < image.pixels().size(); ++i) error += std::abs(image.pixels()[i] - back.pixels()[i]);
    EXPECT_LT(error / double(image.pixels().size()), quality == 50 ? 12 : 5);
  }
  EXPECT_THROW(image.encode(ImageFormat::jpeg, 0), Error);
  EXPECT_THROW(image.encode(ImageFormat::jpeg, 101), Error);
}

// Cut or damaged anywhere: a picture or a clean Error.
TEST(CodecTest, DamagedFiles) {
  const Image image = Image::load(golden("wide.png"));
  std::mt19937 random(7);
  for (const ImageFormat format : {ImageFormat::png, ImageFormat::jpeg}) {
    const auto whole = image.encode(format);
    int refused = 0;
    for (std::size_t size = 0; size < whole.size(); size += 1 + whole.size() / 97) {
      try {
        Image::decode(std::span(whole).first(size), "cut");
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::bad_file);
        EXPECT_EQ(error.subject(), "cut");
        ++refused;
      }
    }
    EXPECT_GE(refused, 96);
    for (int i = 0; i < 300; ++i) {
      auto damaged = whole;
      for (int j = 0; j < 4; ++j) damaged[random() % (j < 2 ? 60 : damaged.size())] = static_cast<std::byte>(random());
      try {
        EXPECT_FALSE(Image::decode(damaged).empty());
      } catch (const Error&) {
      }
    }
  }
}

TEST(CodecTest, RefusesHugeSizesBeforeAllocating) {
  auto bytes = Image(3, 3).encode(ImageFormat::png);
  for (int i = 16; i < 24; ++i) bytes[i] = i % 4 < 2 ? std::byte{0} : std::byte{0xFF};  // 65535 x 65535
  EXPECT_THROW(Image::decode(bytes), Error);
}

TEST(CodecTest, SavesWholeFilesOnly) {
  const auto folder = std::filesystem::temp_directory_path() / "kandinsky codec тест";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  const Image image(5, 4);
  image.save(folder / "a.png");
  image.save(folder / "b.JPG");
  EXPECT_EQ(Image::load(folder / "a.png"), image);
  EXPECT_EQ(Image::load(folder / "b.JPG").width(), 5);
  EXPECT_THROW(image.save(folder / "c.gif"), Error);
  EXPECT_THROW(image.save(folder / "missing" / "c.png"), Error);
  EXPECT_THROW(Image().save(folder / "d.png"), Error);
  std::filesystem::create_directories(folder / "e.png");
  EXPECT_THROW(image.save(folder / "e.png"), Error);
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) files += entry.is_regular_file();
  EXPECT_EQ(files, 2);
  std::filesystem::remove_all(folder);
}

TEST(CodecTest, MissingAndForeignFiles) {
  const auto message = [](const std::filesystem::path& path) -> std::string {
    try {
      Image::load(path);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(message("/no/such.png"), "/no/such.png: there is no such file");
  EXPECT_EQ(message("/tmp"), "/tmp: expected a file");
  const auto model = testing::nano_path("tokenizer/bpe.model");
  EXPECT_EQ(message(model), model.string() + ": neither a PNG nor a JPEG picture");
}

TEST(ImageTest, ChecksSizes) {
  EXPECT_THROW(Image(0, 5), Error);
  EXPECT_THROW(Image(5, -1), Error);
  EXPECT_THROW(Image(2, 2, std::vector<std::uint8_t>(11)), Error);
  const Image image(4, 3);
  EXPECT_EQ(image.crop(1, 1, 3, 2).width(), 3);
  EXPECT_THROW(image.crop(2, 0, 3, 1), Error);
  EXPECT_THROW(image.crop(-1, 0, 1, 1), Error);
  EXPECT_THROW(image.crop(0, 0, 1 << 30, 1), Error);
}

}  // namespace
}  // namespace kandinsky
