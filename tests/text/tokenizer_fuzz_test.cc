#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <random>
#include <string>

#include "support/golden.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace kandinsky {
namespace {

// The fuzz target on damaged models: bytes changed, cut off, or moved.
TEST(TokenizerFuzzTest, DamagedModels) {
  const std::string tiny = "3 2\n97 4\n98 5\n9601 6\n4 5 7\n6 7 8\n1 0 2 3\n";
  std::ifstream file(testing::nano_path("tokenizer/bpe.model"), std::ios::binary);
  const std::string real{std::istreambuf_iterator<char>(file), {}};
  std::mt19937 random(17);
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  int runs = 0;
  for (const std::string* seed : {&tiny, &real})
    for (int i = 0; i < (seed == &tiny ? 4000 : 150); ++i) {
      std::string input = *seed;
      for (std::size_t change = 0; change <= below(4); ++change) {
        switch (below(4)) {
          case 0:
            input[below(input.size())] = static_cast<char>(random());
            break;
          case 1:
            input[below(input.size())] = static_cast<char>('0' + below(10));
            break;
          case 2:
            input.resize(1 + below(input.size()));
            break;
          default:
            input.insert(below(input.size()), input.substr(below(input.size()), below(40)));
        }
      }
      input += std::string("\0aab красное \xFF сердце", 32);
      EXPECT_EQ(LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size()), 0);
      ++runs;
    }
  EXPECT_EQ(runs, 4150);
}

}  // namespace
}  // namespace kandinsky
