#pragma once
// What this extension uses of Godot 4's extension interface (from 4.2 on): the numbers, structs and functions of its
// binary interface, under names of our own. Functions are looked up by name; see engine.cc.
#include <cstddef>
#include <cstdint>

namespace gd {

using Bool = std::uint8_t;
using Int = std::int64_t;
using Object = void;  // one of the engine's
using Library = void;

// Kinds of values that a Variant holds.
enum class Type : std::int32_t {
  nil = 0,
  boolean = 1,
  integer = 2,
  real = 3,
  string = 4,
  string_name = 21,
  object = 24,
  array = 28,
  packed_byte_array = 29,
};

struct CallError {
  std::int32_t error = 0;  // 0: none
  std::int32_t argument = 0;
  std::int32_t expected = 0;
};
enum : std::int32_t { call_ok = 0, call_invalid_argument = 2, call_too_many_arguments = 3, call_too_few_arguments = 4 };

struct PropertyInfo {
  Type type;
  void* name;        // StringName
  void* class_name;  // StringName
  std::uint32_t hint;
  void* hint_string;  // String
  std::uint32_t usage;
};
enum : std::uint32_t { hint_none = 0, hint_range = 1, hint_enum = 2, hint_global_dir = 16, hint_multiline = 18 };
enum : std::uint32_t { usage_default = 6 };

using Call = void (*)(void* method, void* instance, const void* const* arguments, Int count, void* result,
                      CallError* error);
using PointerCall = void (*)(void* method, void* instance, const void* const* arguments, void* result);

struct MethodInfo {
  void* name;  // StringName
  void* userdata;
  Call call;
  PointerCall pointer_call;
  std::uint32_t flags;  // 1: normal
  Bool has_result;
  PropertyInfo* result;
  std::int32_t result_metadata;
  std::uint32_t argument_count;
  PropertyInfo* arguments;
  std::int32_t* argument_metadata;
  std::uint32_t default_count;
  void** defaults;
};

// The second version of the class description (4.2). Functions that this extension leaves out are null.
struct ClassInfo2 {
  Bool is_virtual;
  Bool is_abstract;
  Bool is_exposed;
  void* set;
  void* get;
  void* get_property_list;
  void* free_property_list;
  void* property_can_revert;
  void* property_get_revert;
  void* validate_property;
  void* notification;
  void* to_string;
  void* reference;
  void* unreference;
  Object* (*create_instance)(void* userdata);
  void (*free_instance)(void* userdata, void* instance);
  void* recreate_instance;
  void* get_virtual;
  void* get_virtual_call_data;
  void* call_virtual_with_data;
  void* get_rid;
  void* userdata;
};
static_assert(sizeof(ClassInfo2) == 8 + 19 * sizeof(void*), "as the engine's compiler lays it out");

enum Level : std::int32_t { level_core = 0, level_servers = 1, level_scene = 2, level_editor = 3 };
struct Initialization {
  std::int32_t minimum_level;
  void* userdata;
  void (*initialize)(void* userdata, std::int32_t level);
  void (*deinitialize)(void* userdata, std::int32_t level);
};

static_assert(sizeof(PropertyInfo) == 48 && offsetof(PropertyInfo, hint_string) == 32);
static_assert(sizeof(MethodInfo) == 88 && offsetof(MethodInfo, has_result) == 36 &&
              offsetof(MethodInfo, arguments) == 56);
static_assert(sizeof(Initialization) == 32 && sizeof(CallError) == 12);

using Function = void (*)();
using GetProcAddress = Function (*)(const char* name);

}  // namespace gd
