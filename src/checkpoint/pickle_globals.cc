#include "checkpoint/pickle_globals.h"

#include <array>

namespace kandinsky::pickle {
namespace {

struct Function {
  std::string_view module;
  std::string_view name;
  Global global;
};

constexpr std::array<Function, 9> functions = {{
    {"collections", "OrderedDict", Global::ordered_dict},
    {"collections", "defaultdict", Global::default_dict},
    {"torch", "Size", Global::size},
    {"torch._utils", "_rebuild_tensor", Global::rebuild_tensor},
    {"torch._utils", "_rebuild_tensor_v2", Global::rebuild_tensor_v2},
    {"torch._utils", "_rebuild_tensor_v3", Global::rebuild_tensor_v3},
    {"torch._utils", "_rebuild_parameter", Global::rebuild_parameter},
    {"torch._utils", "_rebuild_parameter_with_state", Global::rebuild_parameter_with_state},
    {"torch._tensor", "_rebuild_from_type_v2", Global::rebuild_from_type_v2},
}};

struct Type {
  std::string_view name;
  DType dtype;
};

constexpr std::array<Type, 13> storages = {{
    {"FloatStorage", DType::float32},
    {"DoubleStorage", DType::float64},
    {"HalfStorage", DType::float16},
    {"BFloat16Storage", DType::bfloat16},
    {"LongStorage", DType::int64},
    {"IntStorage", DType::int32},
    {"ShortStorage", DType::int16},
    {"CharStorage", DType::int8},
    {"ByteStorage", DType::uint8},
    {"BoolStorage", DType::boolean},
    {"ComplexFloatStorage", DType::complex64},
    {"ComplexDoubleStorage", DType::complex128},
    {"ComplexHalfStorage", DType::complex32},
}};

Value typed(Global global, DType dtype) {
  Value value;
  value.kind = Kind::global;
  value.global = global;
  value.has_dtype = true;
  value.dtype = dtype;
  return value;
}

}  // namespace

Value find_global(std::string_view module, std::string_view name) {
  Value value;
  value.kind = Kind::global;
  for (const Function& function : functions) {
    if (function.name == name && function.module == module) value.global = function.global;
  }
  if (module == "torch" || module == "torch.cuda" || module == "torch.storage") {
    for (const Type& type : storages) {
      if (type.name == name) return typed(Global::storage, type.dtype);
    }
    if (name == "UntypedStorage") value.global = Global::storage;
  }
  if (module == "torch") {
    for (int i = 0; i <= static_cast<int>(DType::float8_e5m2); ++i) {
      const auto dtype = static_cast<DType>(i);
      if (name == dtype_name(dtype)) return typed(Global::dtype, dtype);
    }
  }
  return value;
}

}  // namespace kandinsky::pickle
