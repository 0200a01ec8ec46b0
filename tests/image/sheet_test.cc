#include <gtest/gtest.h>

#include <vector>

#include "kandinsky/error.h"
#include "kandinsky/image.h"

namespace kandinsky {
namespace {

TEST(ContactSheetTest, LaysOutRows) {
  std::vector<Image> images;
  for (int i = 0; i < 5; ++i) images.emplace_back(10, 6);
  const Image sheet = contact_sheet(images, 0, 2);  // 3 columns, 2 rows
  EXPECT_EQ(sheet.width(), 3 * 12 + 2);
  EXPECT_EQ(sheet.height(), 2 * 8 + 2);
  EXPECT_EQ(sheet.row(0)[0], 255);
  EXPECT_EQ(sheet.row(2)[2 * 3], 0);
  EXPECT_EQ(sheet.row(17)[37 * 3], 255);
  EXPECT_EQ(sheet.row(10)[26 * 3], 255);  // no sixth picture
  EXPECT_EQ(contact_sheet(images, 1, 0).height(), 30);
}

TEST(ContactSheetTest, CentresSmallerOnes) {
  const std::vector<Image> images = {Image(10, 10), Image(4, 4)};
  const Image sheet = contact_sheet(images, 2, 0);
  EXPECT_EQ(sheet.row(2)[13 * 3], 255);
  EXPECT_EQ(sheet.row(3)[13 * 3], 0);
}

TEST(ContactSheetTest, RefusesNothingAndTooMuch) {
  EXPECT_THROW(contact_sheet({}), Error);
  const std::vector<Image> none(2);
  EXPECT_THROW(contact_sheet(none), Error);
  const std::vector<Image> many(9, Image(30000, 2));
  EXPECT_THROW(contact_sheet(many, 9), Error);
}

}  // namespace
}  // namespace kandinsky
