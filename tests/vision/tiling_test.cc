#include "realesrgan/tiling.h"

#include <gtest/gtest.h>

#include <vector>

#include "kandinsky/error.h"
#include "support/golden.h"

namespace kandinsky::realesrgan {
namespace {

TEST(BorderTest, MirrorsThenRepeats) {
  TilingOptions options;
  options.mirror = 3;
  const Border border(5, options);
  const int expected[] = {2, 2, 1, 0, 0, 1, 2, 3, 4, 4, 3, 2, 2};
  for (int i = -4; i <= 8; ++i) EXPECT_EQ(border.source(i), expected[i + 4]) << i;
  options.mirror = 15;
  const Border tiny(1, options);
  for (int i = -20; i <= 20; ++i) EXPECT_EQ(tiny.source(i), 0);
}

// Every pixel is kept by exactly one tile, whatever the sizes.
TEST(TilesTest, CoverThePictureOnce) {
  for (const bool reference : {false, true})
    for (const int unit : {1, 2})
      for (const int width : {1, 17, 128, 193, 500})
        for (const int height : {1, 64, 385}) {
          TilingOptions options;
          options.reference = reference;
          std::vector<int> seen(std::size_t(width) * height);
          for (const Tile& tile : tiles(width, height, options, unit)) {
            EXPECT_EQ(tile.width % unit, 0);
            EXPECT_EQ(tile.height % unit, 0);
            EXPECT_LE(tile.kept_width(), options.tile + unit);
            for (int y = std::max(0, tile.kept_y()); y < std::min(height, tile.kept_y() + tile.kept_height()); ++y)
              for (int x = std::max(0, tile.kept_x()); x < std::min(width, tile.kept_x() + tile.kept_width()); ++x)
                ++seen[std::size_t(y) * width + x];
          }
          for (const int count : seen) ASSERT_EQ(count, 1) << reference << unit << " " << width << "x" << height;
        }
}

}  // namespace
}  // namespace kandinsky::realesrgan
