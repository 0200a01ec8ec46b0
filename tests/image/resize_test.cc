#include <gtest/gtest.h>

#include <cstdlib>

#include "kandinsky/error.h"
#include "kandinsky/image.h"
#include "support/golden.h"

namespace kandinsky {
namespace {

Image golden(const std::string& name) { return Image::load(testing::golden_path("nano/ruclip/" + name)); }

// Pillow's output on crops of the reference's pictures.
TEST(ResizeTest, IdenticalToPillow) {
  EXPECT_EQ(golden("big.png").resize(128, 128), golden("big_prepared.png"));
  EXPECT_EQ(golden("tall_rgba.png").crop(0, 30, 90, 90).resize(128, 128), golden("tall_rgba_prepared.png"));
  EXPECT_EQ(golden("wide.png").crop(40, 0, 120, 120).resize(128, 128), golden("wide_prepared.png"));
}

TEST(ResizeTest, Properties) {
  const Image image = golden("square.png");
  EXPECT_EQ(image.resize(image.width(), image.height()), image);
  Image flat(7, 5);
  for (std::uint8_t& value : flat.pixels()) value = 77;
  const Image resized = flat.resize(31, 2);
  EXPECT_EQ(resized.width(), 31);
  EXPECT_EQ(resized.height(), 2);
  for (const std::uint8_t value : resized.pixels()) EXPECT_EQ(value, 77);
  EXPECT_THROW(image.resize(0, 5), Error);
  EXPECT_THROW(image.resize(5, 70000), Error);
}

}  // namespace
}  // namespace kandinsky
