#pragma once
#include <span>
#include <string>

#include "checkpoint/memory_budget.h"
#include "checkpoint/pickle.h"

namespace kandinsky::pickle {

// What a pickle makes of its globals, persistent ids and their arguments, added to the Pickle.
class Rebuilder {
 public:
  Rebuilder(Pickle& pickle, MemoryBudget& budget, const std::string& file)
      : pickle_(pickle), budget_(budget), file_(file) {}

  // callable(*arguments): a tensor, a container or an opaque value.
  Value call(const Value& callable, const Value& arguments);
  // callable.__new__(callable, *arguments)
  Value construct(const Value& callable, const Value& arguments);
  // The storage of a persistent id.
  Value load_persistent(const Value& id);

  Value container(Kind kind, std::span<const Value> items = {});
  // Adds keys and values in turns.
  void set_items(const Value& dict, std::span<const Value> keys_and_values);
  void append(const Value& list, std::span<const Value> items);

 private:
  Value rebuild_tensor(Global global, std::span<const Value> arguments);
  Value dict_of(const Value& pairs);
  std::vector<std::int64_t> integers(const Value& value, std::string_view what);
  [[noreturn]] void refuse(std::string_view why) const;

  Pickle& pickle_;
  MemoryBudget& budget_;
  const std::string& file_;
};

}  // namespace kandinsky::pickle
