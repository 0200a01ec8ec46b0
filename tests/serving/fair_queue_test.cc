#include "serving/fair_queue.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace kandinsky::serving {
namespace {

std::vector<FairQueue::Id> take(FairQueue& queue, int count) {
  std::vector<FairQueue::Id> taken;
  for (int i = 0; i < count; ++i)
    if (const auto id = queue.next()) taken.push_back(*id);
  return taken;
}

TEST(FairQueue, SharesSlotsBetweenClients) {
  FairQueue queue;
  queue.add(1, "a", 8);
  queue.add(2, "b", 8);
  queue.add(3, "c", 8);
  EXPECT_EQ(take(queue, 6), (std::vector<FairQueue::Id>{1, 2, 3, 1, 2, 3}));
}

TEST(FairQueue, ManyRequestsOfOneClientCountAsOne) {
  FairQueue queue;
  for (FairQueue::Id id = 1; id <= 10; ++id) queue.add(id, "many", 1);
  queue.add(11, "one", 4);
  EXPECT_EQ(take(queue, 4), (std::vector<FairQueue::Id>{1, 11, 2, 11}));
}

TEST(FairQueue, ALaterClientGetsTheNextSlot) {
  FairQueue queue;
  queue.add(1, "a", 100);
  EXPECT_EQ(take(queue, 8), std::vector<FairQueue::Id>(8, 1));
  queue.add(2, "b", 1);
  queue.leave(1);
  EXPECT_EQ(queue.next(), 2u);
}

TEST(FairQueue, SharesAmongRequestsOfAClient) {
  FairQueue queue;
  queue.add(1, "a", 3);
  queue.add(2, "a", 3);
  EXPECT_EQ(take(queue, 7), (std::vector<FairQueue::Id>{1, 2, 1, 2, 1, 2}));
  EXPECT_FALSE(queue.waiting());
}

TEST(FairQueue, ForgetsWhatIsDropped) {
  FairQueue queue;
  queue.add(1, "a", 3);
  queue.add(2, "b", 1);
  EXPECT_EQ(queue.next(), 1u);
  queue.drop(1);
  EXPECT_EQ(queue.next(), 2u);
  EXPECT_FALSE(queue.next());
  EXPECT_EQ(queue.size(), 2u);
  queue.leave(1);
  queue.leave(2);
  EXPECT_EQ(queue.size(), 0u);
  queue.drop(1);  // unknown by now
}

// Whatever comes and goes, no client with pictures left is more than one slot behind another.
TEST(FairQueue, StaysFair) {
  std::mt19937 random(1);
  FairQueue queue;
  std::vector<std::pair<FairQueue::Id, int>> slots(8, {0, -1});  // request, client
  std::vector<int> left(4, 0);
  std::vector<int> client_of(1, 0), left_of(1, 0);
  for (int turn = 0; turn < 20000; ++turn) {
    if (random() % 8 == 0 && queue.size() < 30) {
      const int client = random() % 4, pictures = 1 + random() % 12;
      queue.add(client_of.size(), std::to_string(client), pictures);
      client_of.push_back(client);
      left_of.push_back(pictures);
      left[client] += pictures;
    }
    const std::size_t free = random() % slots.size();
    if (slots[free].second >= 0) queue.leave(slots[free].first);
    slots[free] = {0, -1};
    const auto id = queue.next();
    if (!id) continue;
    std::vector<int> active(4, 0);
    for (const auto& slot : slots)
      if (slot.second >= 0) ++active[slot.second];
    for (int other = 0; other < 4; ++other)
      if (left[other] > 0) {
        EXPECT_LE(active[client_of[*id]], active[other]);
      }
    slots[free] = {*id, client_of[*id]};
    --left[client_of[*id]];
    ASSERT_GE(--left_of[*id], 0);
  }
}

}  // namespace
}  // namespace kandinsky::serving
