#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "checkpoint/pickle.h"

namespace kandinsky::pickle {

// Numbered values. Numbers usually come in order; one that jumps must not make an array of its size.
class Memo {
 public:
  // What an entry takes, at most.
  static constexpr std::size_t entry_bytes = 80;

  std::size_t size() const { return dense_.size() + sparse_.size(); }

  void put(std::uint64_t number, const Value& value) {
    if (number < dense_.size()) {
      dense_[number] = value;
    } else if (number == dense_.size()) {
      dense_.push_back(value);
      sparse_.erase(number);
    } else {
      sparse_[number] = value;
    }
  }

  // nullptr if there is none.
  const Value* get(std::uint64_t number) const {
    if (number < dense_.size()) return &dense_[number];
    const auto found = sparse_.find(number);
    return found == sparse_.end() ? nullptr : &found->second;
  }

 private:
  std::vector<Value> dense_;
  std::map<std::uint64_t, Value> sparse_;  // no hash table: a file could make all its numbers collide
};

}  // namespace kandinsky::pickle
