#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "fuzz/mutate.h"
#include "support/golden.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace kandinsky {
namespace {

constexpr int mutations_of_a_file = 250;

// The fuzz target on damaged copies of every golden file: whatever but kandinsky::Error comes out fails the
// test.
TEST(CheckpointFuzz, ShortDeterministicRun) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(testing::golden_path("checkpoints")))
    if (entry.path().extension() != ".json") paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  std::vector<testing::Bytes> files;
  for (const auto& path : paths) {
    std::ifstream file(path, std::ios::binary);
    files.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  ASSERT_GT(files.size(), 100u);

  testing::Mutator mutator(20211103);
  for (std::size_t i = 0; i < files.size(); ++i) {
    SCOPED_TRACE(paths[i].filename());
    for (int round = 0; round < mutations_of_a_file; ++round) {
      const testing::Bytes& other = files[(i + 1 + static_cast<std::size_t>(round)) % files.size()];
      const testing::Bytes bytes = mutator.mutate(files[i], other);
      ASSERT_NO_THROW(LLVMFuzzerTestOneInput(bytes.data(), bytes.size())) << "round " << round;
    }
  }
}

}  // namespace
}  // namespace kandinsky
