#include "core/cores.h"

#include <gtest/gtest.h>

#include <thread>

namespace kandinsky {
namespace {

TEST(CoresTest, ReadsTheLimitOfAControlGroup) {
  EXPECT_EQ(cores_of_quota("200000 100000"), 2);
  EXPECT_EQ(cores_of_quota("150000 100000"), 2);
  EXPECT_EQ(cores_of_quota("50000 100000"), 1);
  EXPECT_EQ(cores_of_quota("1000 100000"), 1);
  for (const char* none : {"", "max 100000", "max", "200000", "200000 ", "200000 0", "0 100000", "-1 100000", "two 1"})
    EXPECT_EQ(cores_of_quota(none), 0) << none;
}

TEST(CoresTest, OneAtLeastAndNoMoreThanThereAre) {
  EXPECT_GE(available_cores(), 1);
  EXPECT_LE(available_cores(), static_cast<int>(std::thread::hardware_concurrency()));
}

}  // namespace
}  // namespace kandinsky
