#pragma once
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kandinsky/dtype.h"

namespace kandinsky::pickle {

// What a global name stands for. Those that are not listed are `unknown`, and so is all that is made with
// them.
enum class Global : std::uint8_t {
  unknown,
  ordered_dict,    // collections.OrderedDict
  default_dict,    // collections.defaultdict
  size,            // torch.Size
  storage,         // torch.FloatStorage and the like
  dtype,           // torch.float8_e4m3fn and the like
  rebuild_tensor,  // torch._utils._rebuild_tensor, of torch 0.x
  rebuild_tensor_v2,
  rebuild_tensor_v3,  // carries the dtype, as its storages are untyped
  rebuild_parameter,
  rebuild_parameter_with_state,
  rebuild_from_type_v2,  // torch._tensor: a tensor with Python attributes
};

enum class Kind : std::uint8_t {
  none,
  boolean,
  integer,      // fits 64 bits
  big_integer,  // does not
  real,
  text,
  bytes,
  tuple,
  list,
  dict,
  global,
  storage,
  tensor,
  opaque,  // an object that was skipped
};

// A value of a pickle. Containers, tensors and storages are referred to by their index in the Pickle, so
// values are copied freely and nothing is freed recursively.
struct Value {
  Kind kind = Kind::none;
  Global global = Global::unknown;
  bool has_dtype = false;  // of a storage type; untyped ones count bytes
  DType dtype = DType::float32;
  std::uint32_t index = 0;  // of a container, tensor or storage; the length of a text
  union {
    std::int64_t integer = 0;
    double real;
    const char* text;
  };

  std::string_view view() const { return {text, index}; }
};

// A persistent id: ('storage', type, key, location, number of elements[, view]).
struct Storage {
  Value type;
  std::string_view key;
  std::uint64_t count = 0;
  std::int64_t view_offset = 0;  // of the views of one storage that torch 0.x stored
};

struct Tensor {
  std::uint32_t storage = 0;
  DType dtype = DType::float32;
  std::int64_t offset = 0;  // in elements
  std::vector<std::int64_t> shape;
  std::vector<std::int64_t> strides;
};

// A pickle that has been read. Texts point into the bytes it was read from.
struct Pickle {
  Value root;
  std::size_t size = 0;                       // bytes read, up to and with STOP
  std::size_t bytes_in_file = 0;              // those that it takes in the file, at most
  std::deque<std::vector<Value>> containers;  // a dictionary holds key, value, key, value, ...
  std::deque<Storage> storages;
  std::deque<Tensor> tensors;
  std::deque<std::string> texts;  // those that are escaped in the pickle

  const std::vector<Value>& items(const Value& container) const { return containers[container.index]; }
};

}  // namespace kandinsky::pickle
