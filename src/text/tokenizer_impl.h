#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kandinsky/tokenizer.h"

namespace kandinsky {

struct SpecialIds {
  std::int32_t pad = 0;
  std::int32_t unk = 1;
  std::int32_t bos = 2;
  std::int32_t eos = 3;
};

struct Dropout {
  double probability;
  std::uint64_t seed;
};

// What the two kinds of tokenizer do differently.
struct Tokenizer::Impl {
  virtual ~Impl() = default;
  virtual std::string_view kind() const = 0;
  virtual std::vector<std::int32_t> encode(std::string_view text, const std::optional<Dropout>& dropout) const = 0;
  // Ids are in range.
  virtual std::string decode(const std::vector<std::int32_t>& ids) const = 0;
  virtual std::string piece(std::int32_t id) const = 0;
  virtual std::int32_t id(std::string_view piece) const = 0;

  int vocab_size = 0;
  SpecialIds special;
};

}  // namespace kandinsky
