#include "checkpoint/pickle_rebuild.h"

#include "checkpoint/printable.h"
#include "checkpoint/tensor_layout.h"
#include "core/fail.h"

namespace kandinsky::pickle {
namespace {

// What a container takes beside its items.
constexpr std::size_t container_bytes = 64;
// torch numbers storages or names them by their address.
constexpr std::size_t longest_storage_key = 256;

Value opaque() {
  Value value;
  value.kind = Kind::opaque;
  return value;
}

Value reference(Kind kind, std::size_t index) {
  Value value;
  value.kind = kind;
  value.index = static_cast<std::uint32_t>(index);
  return value;
}

bool is_sequence(const Value& value) { return value.kind == Kind::tuple || value.kind == Kind::list; }

}  // namespace

void Rebuilder::refuse(std::string_view why) const { fail(ErrorCode::bad_file, file_, "damaged pickle: {}", why); }

Value Rebuilder::container(Kind kind, std::span<const Value> items) {
  budget_.charge(container_bytes + 2 * items.size_bytes());
  pickle_.containers.emplace_back(items.begin(), items.end());
  return reference(kind, pickle_.containers.size() - 1);
}

void Rebuilder::set_items(const Value& dict, std::span<const Value> keys_and_values) {
  if (keys_and_values.size() % 2 != 0) refuse("a dictionary key without a value");
  if (dict.kind == Kind::opaque) return;
  if (dict.kind != Kind::dict) refuse("items are set in something that is no dictionary");
  budget_.charge(2 * keys_and_values.size_bytes());
  auto& items = pickle_.containers[dict.index];
  items.insert(items.end(), keys_and_values.begin(), keys_and_values.end());
}

void Rebuilder::append(const Value& list, std::span<const Value> items) {
  if (list.kind == Kind::opaque) return;
  if (list.kind != Kind::list) refuse("items are appended to something that is no list");
  budget_.charge(2 * items.size_bytes());
  auto& old = pickle_.containers[list.index];
  old.insert(old.end(), items.begin(), items.end());
}

Value Rebuilder::construct(const Value& callable, const Value& arguments) {
  if (callable.kind != Kind::global && callable.kind != Kind::opaque) refuse("an object of something that is no class");
  if (callable.kind == Kind::global &&
      (callable.global == Global::ordered_dict || callable.global == Global::default_dict)) {
    return container(Kind::dict);
  }
  if (callable.kind == Kind::global && callable.global == Global::size) return call(callable, arguments);
  return opaque();
}

Value Rebuilder::call(const Value& callable, const Value& arguments) {
  if (arguments.kind != Kind::tuple) refuse("a call without a tuple of arguments");
  if (callable.kind == Kind::opaque) return opaque();
  if (callable.kind != Kind::global) refuse("a call of something that is no function");
  const std::span<const Value> list = pickle_.items(arguments);
  switch (callable.global) {
    case Global::ordered_dict:
      return list.empty() ? container(Kind::dict) : dict_of(list[0]);
    case Global::default_dict:
      return list.size() < 2 ? container(Kind::dict) : dict_of(list[1]);
    case Global::size:
      return !list.empty() && is_sequence(list[0]) ? reference(Kind::tuple, list[0].index) : opaque();
    case Global::rebuild_tensor:
    case Global::rebuild_tensor_v2:
    case Global::rebuild_tensor_v3:
      return rebuild_tensor(callable.global, list);
    case Global::rebuild_parameter:
    case Global::rebuild_parameter_with_state:
      if (list.empty() || (list[0].kind != Kind::tensor && list[0].kind != Kind::opaque)) {
        refuse("a parameter without a tensor");
      }
      return list[0];
    case Global::rebuild_from_type_v2:
      // (function, type, arguments, state); functions that rebuild tensors do not nest.
      if (list.size() < 3 || list[0].kind != Kind::global || list[0].global == Global::rebuild_from_type_v2) {
        refuse("a tensor of a derived type without its function and arguments");
      }
      return call(list[0], list[2]);
    case Global::storage:
    case Global::dtype:
    case Global::unknown:
      break;
  }
  return opaque();
}

// OrderedDict([(key, value), ...])
Value Rebuilder::dict_of(const Value& pairs) {
  if (pairs.kind == Kind::dict) return container(Kind::dict, pickle_.items(pairs));
  const Value dict = container(Kind::dict);
  if (!is_sequence(pairs)) return opaque();
  for (const Value& pair : pickle_.items(pairs)) {
    if (!is_sequence(pair) || pickle_.items(pair).size() != 2) refuse("a dictionary made of something that is no pair");
    set_items(dict, pickle_.items(pair));
  }
  return dict;
}

std::vector<std::int64_t> Rebuilder::integers(const Value& value, std::string_view what) {
  if (!is_sequence(value)) refuse(fmt::format("the {} of a tensor are no tuple", what));
  const auto& items = pickle_.items(value);
  if (items.size() > max_rank)
    refuse(fmt::format("a tensor has {} {}, at most {} expected", items.size(), what, max_rank));
  budget_.charge(items.size() * sizeof(std::int64_t));
  std::vector<std::int64_t> numbers;
  numbers.reserve(items.size());
  for (const Value& item : items) {
    if (item.kind != Kind::integer) refuse(fmt::format("the {} of a tensor are no integers", what));
    numbers.push_back(item.integer);
  }
  return numbers;
}

// (storage, offset, size, stride, requires_grad, backward_hooks, ...); _rebuild_tensor has the first four
// alone, and _rebuild_tensor_v3 adds a dtype.
Value Rebuilder::rebuild_tensor(Global global, std::span<const Value> arguments) {
  const std::size_t expected = global == Global::rebuild_tensor ? 4 : global == Global::rebuild_tensor_v2 ? 6 : 7;
  if (arguments.size() < expected) {
    refuse(fmt::format("a tensor is made of {} arguments, {} expected", arguments.size(), expected));
  }
  if (arguments[0].kind == Kind::opaque) refuse("a tensor over a storage of unknown type");
  if (arguments[0].kind != Kind::storage) refuse("a tensor without a storage");
  if (arguments[1].kind != Kind::integer) refuse("the offset of a tensor is no integer");
  const Value& type = global == Global::rebuild_tensor_v3 ? arguments[6] : pickle_.storages[arguments[0].index].type;
  if (!type.has_dtype) refuse("a tensor of an unknown dtype");

  budget_.charge(2 * sizeof(Tensor));
  Tensor tensor;
  tensor.storage = arguments[0].index;
  tensor.dtype = type.dtype;
  tensor.offset = arguments[1].integer;
  tensor.shape = integers(arguments[2], "sizes");
  tensor.strides = integers(arguments[3], "strides");
  pickle_.tensors.push_back(std::move(tensor));
  return reference(Kind::tensor, pickle_.tensors.size() - 1);
}

Value Rebuilder::load_persistent(const Value& id) {
  if (id.kind != Kind::tuple) refuse("a persistent id that is no tuple");
  const auto& items = pickle_.items(id);
  if (items.empty() || items[0].kind != Kind::text) refuse("a persistent id without its kind");
  // ('module', class, source file, source): the class, kept with its source by torch 0.x and 1.x.
  if (items[0].view() == "module") return opaque();
  if (items[0].view() != "storage") {
    refuse(fmt::format("a persistent id of kind '{}', expected 'storage'", printable(items[0].view())));
  }
  if (items.size() < 5 || items[2].kind != Kind::text || items[4].kind != Kind::integer) {
    refuse("a storage needs a type, a key, a location and a number of elements");
  }
  if (items[2].view().size() > longest_storage_key) refuse("a storage key that is too long");
  if (items[4].integer < 0) refuse(fmt::format("a storage of {} elements", items[4].integer));
  if (items[1].kind != Kind::global || items[1].global != Global::storage) {
    if (items[1].kind == Kind::global || items[1].kind == Kind::opaque) return opaque();
    refuse("a storage without a type");
  }
  Storage storage;
  storage.type = items[1];
  storage.key = items[2].view();
  storage.count = static_cast<std::uint64_t>(items[4].integer);
  // The legacy format adds None, or (key, offset, number of elements) of a view.
  if (items.size() > 5 && items[5].kind == Kind::tuple) {
    const auto& view = pickle_.items(items[5]);
    if (view.size() != 3 || view[1].kind != Kind::integer) refuse("a view of a storage without an offset");
    storage.view_offset = view[1].integer;
  }
  budget_.charge(2 * sizeof(Storage));
  pickle_.storages.push_back(storage);
  return reference(Kind::storage, pickle_.storages.size() - 1);
}

}  // namespace kandinsky::pickle
