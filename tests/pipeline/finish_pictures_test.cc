#include "pipeline/finish_pictures.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "pipeline/nano.h"

namespace kandinsky::testing {
namespace {

TEST(FinishPictures, WithoutAPerplexityComeLast) {
  std::vector<Picture> pictures(4);
  const std::vector<double> ppl{std::nan(""), 3, 1, 2};
  for (int i = 0; i < 4; ++i) {
    pictures[i].number = i;
    pictures[i].tokens.assign(256, i);
    pictures[i].ppl = ppl[i];
  }
  GenerateOptions options;
  options.pick = 4;
  options.rank = options.super_resolution = false;
  std::vector<int> numbers;
  for (const Picture& picture : finish_pictures(nano(), "кот", pictures, options)) numbers.push_back(picture.number);
  EXPECT_EQ(numbers, (std::vector<int>{2, 3, 1, 0}));
}

}  // namespace
}  // namespace kandinsky::testing
