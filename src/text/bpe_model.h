#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "text/tokenizer_impl.h"

namespace kandinsky {

// A YouTokenToMe model: characters and merge rules.
struct BpeModel {
  struct Merge {
    std::int32_t rank;
    std::int32_t id;
  };
  std::unordered_map<char32_t, std::int32_t> characters;
  std::unordered_map<std::uint64_t, Merge> merges;  // by pair()
  std::vector<std::u32string> pieces;               // by id; special ones are empty
  SpecialIds special;

  static std::uint64_t pair(std::int32_t left, std::int32_t right) {
    return static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32 | static_cast<std::uint32_t>(right);
  }

  // Text: `n m`, n lines `code-point id`, m lines `left right id` by rank, then `unk pad bos eos`. Throws Error
  // (bad_file) that names the line.
  static BpeModel parse(std::string_view text, const std::string& name);
};

}  // namespace kandinsky
