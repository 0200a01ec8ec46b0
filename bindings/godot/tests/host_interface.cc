// The functions of the engine's interface.
#include <algorithm>
#include <cstring>

#include "host_values.h"

namespace host {
namespace {

template <Type type>
void from_type(void* variant, void* raw) {
  Value value;
  value.type = type;
  if constexpr (type == Type::boolean) value.boolean = *static_cast<Bool*>(raw) != 0;
  if constexpr (type == Type::integer) value.integer = *static_cast<Int*>(raw);
  if constexpr (type == Type::real) value.real = *static_cast<double*>(raw);
  if constexpr (type == Type::string || type == Type::string_name) value.text = name_of(raw);
  if constexpr (type == Type::array) value.array = inside<Array>(raw);
  if constexpr (type == Type::packed_byte_array) value.bytes = *static_cast<Bytes*>(raw);
  if constexpr (type == Type::object)
    value.object = static_cast<Object*>(*static_cast<gd::Object**>(raw))->shared_from_this();
  make(variant, std::move(value));
}
template <Type type>
void to_type(void* raw, void* variant) {
  const Value& value = of(variant);
  if (value.type != type) mistake("a Variant is read as what it is not");
  if constexpr (type == Type::boolean) *static_cast<Bool*>(raw) = value.boolean;
  if constexpr (type == Type::integer) *static_cast<Int*>(raw) = value.integer;
  if constexpr (type == Type::real) *static_cast<double*>(raw) = value.real;
  if constexpr (type == Type::string || type == Type::string_name) put<std::string>(raw, value.text);
  if constexpr (type == Type::packed_byte_array) {
    new (raw) Bytes(value.bytes);
    count(1);
  }
}

using Convert = void (*)(void*, void*);
Convert get_variant_from_type_constructor(Type type) {
  switch (type) {
    case Type::boolean:
      return from_type<Type::boolean>;
    case Type::integer:
      return from_type<Type::integer>;
    case Type::real:
      return from_type<Type::real>;
    case Type::string:
      return from_type<Type::string>;
    case Type::string_name:
      return from_type<Type::string_name>;
    case Type::object:
      return from_type<Type::object>;
    case Type::array:
      return from_type<Type::array>;
    case Type::packed_byte_array:
      return from_type<Type::packed_byte_array>;
    default:
      return nullptr;
  }
}
Convert get_variant_to_type_constructor(Type type) {
  switch (type) {
    case Type::boolean:
      return to_type<Type::boolean>;
    case Type::integer:
      return to_type<Type::integer>;
    case Type::real:
      return to_type<Type::real>;
    case Type::string:
      return to_type<Type::string>;
    case Type::packed_byte_array:
      return to_type<Type::packed_byte_array>;
    default:
      return nullptr;
  }
}
using Construct = void (*)(void*, const void* const*);
Construct variant_get_ptr_constructor(Type type, std::int32_t index) {
  if (index != 0) return nullptr;
  if (type == Type::array)
    return [](void* raw, const void* const*) { put<Array>(raw, std::make_shared<std::vector<Value>>()); };
  if (type == Type::packed_byte_array)
    return [](void* raw, const void* const*) {
      new (raw) Bytes(std::make_shared<std::vector<std::uint8_t>>());
      count(1);
    };
  return nullptr;
}
using Destroy = void (*)(void*);
Destroy variant_get_ptr_destructor(Type type) {
  switch (type) {
    case Type::string:
    case Type::string_name:
      return [](void* raw) { drop<std::string>(raw); };
    case Type::array:
      return [](void* raw) { drop<Array>(raw); };
    case Type::packed_byte_array:
      return [](void* raw) {
        static_cast<Bytes*>(raw)->~Bytes();
        count(-1);
      };
    default:
      return nullptr;
  }
}

void print_error_with_message(const char*, const char* message, const char*, const char*, std::int32_t, Bool) {
  const std::lock_guard lock(current->mutex);
  current->errors.push_back(message);
}
void string_name_new_with_latin1_chars(void* place, const char* text, Bool) { put<std::string>(place, text); }
void string_new_with_utf8_chars_and_len(void* place, const char* text, Int size) {
  put<std::string>(place, std::string(text, std::size_t(size)));
}
Int string_to_utf8_chars(const void* place, char* text, Int capacity) {
  const std::string& string = name_of(place);
  // Godot writes no zero byte either.
  if (text)
    std::memcpy(text, string.data(),  // NOLINT(bugprone-not-null-terminated-result)
                std::min(string.size(), std::size_t(capacity)));
  return Int(string.size());
}
void variant_new_nil(void* variant) { make(variant, {}); }
void variant_new_copy(void* variant, const void* from) { make(variant, of(from)); }
Type variant_get_type(const void* variant) { return of(variant).type; }
std::uint8_t* packed_byte_array_operator_index(void* raw, Int index) {
  Bytes& bytes = *static_cast<Bytes*>(raw);
  if (bytes.use_count() > 1) bytes = std::make_shared<std::vector<std::uint8_t>>(*bytes);
  if (index < 0 || std::size_t(index) >= bytes->size()) return mistake("index out of range"), nullptr;
  return bytes->data() + index;
}

// ---- Methods of the engine's own classes.

Value engine_call(Object& object, const std::string& method, const std::vector<Value>& given, gd::CallError* error) {
  const std::string key = object.class_name + "." + method;
  if (method == "call_deferred" && given.size() == 1 && given[0].type == Type::string_name) {
    const std::lock_guard lock(current->mutex);
    current->deferred.emplace_back(object.shared_from_this(), given[0].text);
    return {};
  }
  main_thread_only(key);
  if (method == "emit_signal" && !given.empty() && given[0].type == Type::string_name) {
    const auto& signals = current->classes[object.class_name].signals;
    const auto found = signals.find(given[0].text);
    bool fits = found != signals.end() && found->second.size() == given.size() - 1;
    for (std::size_t i = 1; fits && i < given.size(); ++i) fits = given[i].type == found->second[i - 1].type;
    if (!fits) mistake("signal " + given[0].text + " as it was not declared");
    object.emitted.push_back({given[0].text, {given.begin() + 1, given.end()}});
    return {};
  }
  if (key == "Image.set_data" && given.size() == 5 && given[3].integer == 4 && !given[2].boolean &&
      given[4].type == Type::packed_byte_array &&
      Int(given[4].bytes->size()) == given[0].integer * given[1].integer * 3) {
    object.width = int(given[0].integer);
    object.height = int(given[1].integer);
    object.pixels = *given[4].bytes;
    return {};
  }
  if (key == "ImageTexture.set_image" && given.size() == 1 && given[0].object &&
      given[0].object->class_name == "Image") {
    object.width = given[0].object->width;
    object.height = given[0].object->height;
    object.pixels = given[0].object->pixels;
    return {};
  }
  if (key == "ProjectSettings.globalize_path" && given.size() == 1 && given[0].type == Type::string) {
    const std::string& path = given[0].text;
    return text(path.starts_with("res://") ? current->project + "/" + path.substr(6) : path);
  }
  mistake("no such call: " + key);
  error->error = 1;
  return {};
}

void variant_call(void* self, const void* method, const void* const* arguments, Int count, void* result,
                  gd::CallError* error) {
  std::vector<Value> given;
  for (Int i = 0; i < count; ++i) given.push_back(of(arguments[i]));
  Value& value = of(self);
  Value returned;
  if (value.type == Type::packed_byte_array && name_of(method) == "resize") {
    if (value.bytes.use_count() > 1) value.bytes = std::make_shared<std::vector<std::uint8_t>>(*value.bytes);
    value.bytes->resize(std::size_t(given[0].integer));
  } else if (value.type == Type::array && name_of(method) == "append") {
    value.array->push_back(given[0]);
  } else if (value.type == Type::object) {
    returned = engine_call(*value.object, name_of(method), given, error);
  } else {
    error->error = 1;
    mistake("no such call: " + name_of(method));
  }
  // The engine writes over a nil, which holds nothing; here it is counted.
  variant_destroy(result);
  make(result, std::move(returned));
}

gd::Object* classdb_construct_object(const void* name) {
  main_thread_only("construct " + name_of(name));
  constructed.push_back(std::make_shared<Object>());
  constructed.back()->class_name = name_of(name);
  return constructed.back().get();
}
gd::Object* global_get_singleton(const void* name) { return classdb_construct_object(name); }
void object_set_instance(gd::Object* object, const void* name, void* instance) {
  static_cast<Object*>(object)->class_name = name_of(name);
  static_cast<Object*>(object)->instance = instance;
}

Described describe(const gd::PropertyInfo& info) {
  if (!name_of(info.class_name).empty() || (info.hint == 0) != inside<std::string>(info.hint_string).empty()) {
    if (info.hint != gd::hint_multiline) mistake("property " + name_of(info.name) + " is described strangely");
  }
  return {info.type, name_of(info.name)};
}
void register_class(gd::Library*, const void* name, const void* parent, const gd::ClassInfo2* info) {
  current->classes[name_of(name)] = {name_of(parent), *info, {}, {}, {}};
}
void register_method(gd::Library*, const void* name, const gd::MethodInfo* info) {
  Method method{*info, {}};
  for (std::uint32_t i = 0; i < info->argument_count; ++i) method.arguments.push_back(describe(info->arguments[i]));
  if (!info->call || !info->pointer_call) mistake("a method lacks a way to be called");
  current->classes.at(name_of(name)).methods[name_of(info->name)] = method;
}
void register_property(gd::Library*, const void* name, const gd::PropertyInfo* info, const void* setter,
                       const void* getter) {
  Class& type = current->classes.at(name_of(name));
  if (!type.methods.count(name_of(setter)) || !type.methods.count(name_of(getter))) mistake("property without methods");
  type.properties[describe(*info).name] = {name_of(setter), name_of(getter)};
}
void register_signal(gd::Library*, const void* name, const void* signal, const gd::PropertyInfo* arguments, Int count) {
  auto& declared = current->classes.at(name_of(name)).signals[name_of(signal)];
  for (Int i = 0; i < count; ++i) declared.push_back(describe(arguments[i]));
}
void unregister_class(gd::Library*, const void* name) { current->classes.erase(name_of(name)); }

}  // namespace

gd::Function get_proc_address(const char* name) {
#define FUNCTION(function) \
  { #function, reinterpret_cast < gd::Function>(function) }
#define CLASSDB(function, body) \
  { "classdb_" #function, reinterpret_cast<gd::Function>(body) }
  static const std::map<std::string, gd::Function> functions = {
      FUNCTION(print_error_with_message),
      FUNCTION(string_name_new_with_latin1_chars),
      FUNCTION(string_new_with_utf8_chars_and_len),
      FUNCTION(string_to_utf8_chars),
      FUNCTION(variant_new_nil),
      FUNCTION(variant_new_copy),
      FUNCTION(variant_destroy),
      FUNCTION(variant_get_type),
      FUNCTION(variant_call),
      FUNCTION(get_variant_from_type_constructor),
      FUNCTION(get_variant_to_type_constructor),
      FUNCTION(variant_get_ptr_constructor),
      FUNCTION(variant_get_ptr_destructor),
      FUNCTION(packed_byte_array_operator_index),
      FUNCTION(global_get_singleton),
      FUNCTION(classdb_construct_object),
      FUNCTION(object_set_instance),
      CLASSDB(register_extension_class2, register_class),
      CLASSDB(register_extension_class_method, register_method),
      CLASSDB(register_extension_class_property, register_property),
      CLASSDB(register_extension_class_signal, register_signal),
      CLASSDB(unregister_extension_class, unregister_class)};
  const auto found = functions.find(name);
  return found == functions.end() ? nullptr : found->second;
}

}  // namespace host
