#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

namespace kandinsky::testing {

using Bytes = std::vector<std::uint8_t>;

// Damages files the same way on every machine, so that a short run of a fuzz target can be part of the tests:
// truncates, flips bits, overwrites numbers with extreme ones, repeats or removes a part, and splices two
// files.
class Mutator {
 public:
  explicit Mutator(std::uint32_t seed) : random_(seed) {}

  Bytes mutate(Bytes bytes, const Bytes& other) {
    for (std::size_t rounds = 1 + below(3); rounds > 0; --rounds) step(bytes, other);
    return bytes;
  }

 private:
  // std::uniform_int_distribution differs between standard libraries.
  std::size_t below(std::size_t bound) { return bound == 0 ? 0 : random_() % bound; }

  auto at(Bytes& bytes, std::size_t position) {
    return bytes.begin() + static_cast<std::ptrdiff_t>(std::min(position, bytes.size()));
  }

  void step(Bytes& bytes, const Bytes& other) {
    const std::size_t place = below(bytes.size());
    const std::size_t length = 1 + below(32);
    switch (below(7)) {
      case 0:
        bytes.resize(place);
        break;
      case 1:
        if (!bytes.empty()) bytes[place] ^= static_cast<std::uint8_t>(1u << below(8));
        break;
      case 2:
        if (!bytes.empty()) bytes[place] = static_cast<std::uint8_t>(random_());
        break;
      case 3: {
        constexpr std::uint8_t extremes[] = {0x00, 0xFF, 0x7F, 0x80};
        std::fill(at(bytes, place), at(bytes, place + (std::size_t{1} << below(4))), extremes[below(4)]);
        break;
      }
      case 4:
        bytes.erase(at(bytes, place), at(bytes, place + length));
        break;
      case 5: {
        const Bytes part(at(bytes, place), at(bytes, place + length));
        bytes.insert(at(bytes, below(bytes.size())), part.begin(), part.end());
        break;
      }
      default: {
        if (other.empty()) break;
        const std::size_t from = below(other.size());
        const std::size_t count = std::min(length * 4, other.size() - from);
        const auto source = other.begin() + static_cast<std::ptrdiff_t>(from);
        bytes.insert(at(bytes, place), source, source + static_cast<std::ptrdiff_t>(count));
      }
    }
  }

  std::mt19937 random_;
};

}  // namespace kandinsky::testing
