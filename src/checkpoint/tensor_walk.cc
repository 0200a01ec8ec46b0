#include "checkpoint/tensor_walk.h"

#include <map>
#include <optional>

#include "checkpoint/memory_budget.h"
#include "core/fail.h"

namespace kandinsky::pickle {
namespace {

constexpr std::size_t deepest = 256;
constexpr std::size_t map_node_bytes = 64;

std::optional<std::string> key_text(const Value& key) {
  switch (key.kind) {
    case Kind::text:
      return std::string(key.view());
    case Kind::integer:
      return std::to_string(key.integer);
    case Kind::boolean:
      return key.integer != 0 ? "True" : "False";
    case Kind::none:
      return "None";
    default:
      return std::nullopt;
  }
}

bool is_container(const Value& value) {
  return value.kind == Kind::dict || value.kind == Kind::list || value.kind == Kind::tuple;
}

class Walk {
 public:
  Walk(const Pickle& pickle, const std::string& file)
      : pickle_(pickle), file_(file), budget_(file, pickle.bytes_in_file), open_(pickle.containers.size(), false) {}

  std::vector<NamedTensor> run() {
    visit(pickle_.root);
    while (!levels_.empty()) step();
    return std::move(found_);
  }

 private:
  struct Level {
    Value container;
    std::size_t next = 0;
    std::size_t path_length = 0;
    // Of a dictionary: where the last value of each key stands, as a later one replaces an earlier one.
    std::map<std::string_view, std::size_t> last;
  };

  void visit(const Value& value) {
    if (value.kind == Kind::tensor) {
      budget_.charge(sizeof(NamedTensor) + path_.size() + 16);
      found_.push_back({path_, value.index});
    } else if (is_container(value) && !open_[value.index]) {
      if (levels_.size() == deepest)
        fail(ErrorCode::bad_file, file_, "objects are nested deeper than {} levels", deepest);
      open_[value.index] = true;
      levels_.push_back({value, 0, path_.size(), {}});
      if (value.kind == Kind::dict) find_last_values(levels_.back());
    }
  }

  void find_last_values(Level& level) {
    const auto& items = pickle_.items(level.container);
    for (std::size_t i = 0; i < items.size(); i += 2) {
      if (items[i].kind != Kind::text) continue;
      budget_.charge(map_node_bytes + items[i].index);
      level.last[items[i].view()] = i;
    }
  }

  void step() {
    Level& level = levels_.back();
    path_.resize(level.path_length);
    const auto& items = pickle_.items(level.container);
    if (level.next >= items.size()) {
      open_[level.container.index] = false;
      levels_.pop_back();
      return;
    }
    budget_.charge(sizeof(Value));
    const bool is_dict = level.container.kind == Kind::dict;
    const std::size_t at = level.next;
    level.next += is_dict ? 2 : 1;
    const Value& value = items[is_dict ? at + 1 : at];
    if (value.kind != Kind::tensor && !is_container(value)) return;
    if (is_dict && items[at].kind == Kind::text && level.last[items[at].view()] != at) return;
    const auto key = is_dict ? key_text(items[at]) : std::to_string(at);
    if (!key) return;
    budget_.charge(key->size());  // one long key may be met a million times
    if (levels_.size() > 1) path_ += '/';
    path_ += *key;
    visit(value);
  }

  const Pickle& pickle_;
  const std::string& file_;
  MemoryBudget budget_;
  std::vector<bool> open_;  // containers that the path goes through
  std::vector<Level> levels_;
  std::string path_;
  std::vector<NamedTensor> found_;
};

}  // namespace

std::vector<NamedTensor> find_tensors(const Pickle& pickle, const std::string& file) {
  return Walk(pickle, file).run();
}

}  // namespace kandinsky::pickle
