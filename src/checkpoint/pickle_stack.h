#pragma once
#include <cstddef>
#include <string>
#include <vector>

#include "checkpoint/memory_budget.h"
#include "checkpoint/pickle.h"
#include "core/fail.h"

namespace kandinsky::pickle {

// The stack of the pickle machine, with its marks. Values below the last mark are out of reach.
class Stack {
 public:
  Stack(MemoryBudget& budget, const std::string& file) : budget_(budget), file_(file) {}

  void push(const Value& value) {
    charge_growth(values_);
    values_.push_back(value);
  }

  void push_mark() {
    charge_growth(marks_);
    marks_.push_back(values_.size());
  }

  Value& top() {
    if (reachable() == 0) refuse("a value is taken from an empty stack");
    return values_.back();
  }

  Value pop() {
    const Value value = top();
    values_.pop_back();
    return value;
  }

  // POP takes off a mark too, if that is what lies on top.
  void pop_value_or_mark() {
    if (!marks_.empty() && marks_.back() == values_.size()) {
      marks_.pop_back();
    } else {
      pop();
    }
  }

  // The last `count` values.
  std::vector<Value> pop(std::size_t count) {
    if (reachable() < count) refuse("a tuple takes more values than there are");
    return take_from(values_.size() - count);
  }

  // The values above the last mark, which is taken off too.
  std::vector<Value> pop_to_mark() {
    if (marks_.empty()) refuse("a mark is missing");
    const std::size_t first = marks_.back();
    marks_.pop_back();
    return take_from(first);
  }

 private:
  std::size_t reachable() const { return values_.size() - (marks_.empty() ? 0 : marks_.back()); }

  std::vector<Value> take_from(std::size_t first) {
    const auto begin = values_.begin() + static_cast<std::ptrdiff_t>(first);
    std::vector<Value> taken(begin, values_.end());
    values_.erase(begin, values_.end());
    return taken;
  }

  template <typename T>
  void charge_growth(const std::vector<T>& vector) {
    if (vector.size() == vector.capacity()) budget_.charge((2 * vector.capacity() + 1) * sizeof(T));
  }

  [[noreturn]] void refuse(const char* why) const { fail(ErrorCode::bad_file, file_, "damaged pickle: {}", why); }

  MemoryBudget& budget_;
  const std::string& file_;
  std::vector<Value> values_;
  std::vector<std::size_t> marks_;
};

}  // namespace kandinsky::pickle
