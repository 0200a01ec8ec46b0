#include "kernels/cpu/thread_team.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <vector>

namespace kandinsky::cpu {
namespace {

TEST(ThreadTeamTest, BarriersKeepPhasesApart) {
  for (const int size : {1, 2, 3, 8}) {
    ThreadTeam team(size);
    std::vector<int> written(size);
    std::atomic<int> wrong{0};
    for (int round = 1; round <= 200; ++round)
      team.run([&](int thread) {
        for (int phase = 0; phase < 5; ++phase) {
          written[thread] = round * 10 + phase;
          team.barrier();
          for (const int value : written)
            if (value != round * 10 + phase) ++wrong;
          team.barrier();
        }
      });
    EXPECT_EQ(wrong, 0) << size;
  }
}

TEST(ThreadTeamTest, SharesCoverEverythingOnce) {
  const ThreadTeam team(3);
  for (int total = 0; total < 20; ++total) {
    int next = 0;
    for (int thread = 0; thread < 3; ++thread) {
      const auto [first, last] = team.share(thread, total);
      EXPECT_EQ(first, next);
      next = last;
    }
    EXPECT_EQ(next, total);
  }
}

TEST(ThreadTeamTest, CarriesExceptionsOverAndGoesOn) {
  ThreadTeam team(4);
  for (int thrower = 0; thrower < 4; ++thrower)
    EXPECT_THROW(team.run([&](int thread) {
      team.barrier();
      if (thread == thrower) throw std::runtime_error("no");
    }),
                 std::runtime_error);
  std::atomic<int> ran{0};
  team.run([&](int) { ++ran; });
  EXPECT_EQ(ran, 4);
}

TEST(ThreadTeamTest, WakesAfterSleep) {
  ThreadTeam team(2);
  std::atomic<int> ran{0};
  for (int i = 0; i < 5; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    team.run([&](int) { ++ran; });
  }
  EXPECT_EQ(ran, 10);
}

}  // namespace
}  // namespace kandinsky::cpu
