#pragma once
// The engine's functions, and its values as C++ objects that clean up after themselves.
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "gdextension.h"

namespace gd {

struct Engine {
  void (*print_error_with_message)(const char* description, const char* message, const char* function, const char* file,
                                   std::int32_t line, Bool notify);
  void (*string_name_new_with_latin1_chars)(void* name, const char* text, Bool is_static);
  void (*string_new_with_utf8_chars_and_len)(void* string, const char* text, Int size);
  Int (*string_to_utf8_chars)(const void* string, char* text, Int capacity);
  void (*variant_new_nil)(void* variant);
  void (*variant_new_copy)(void* variant, const void* from);
  void (*variant_destroy)(void* variant);
  Type (*variant_get_type)(const void* variant);
  void (*variant_call)(void* self, const void* method, const void* const* arguments, Int count, void* result,
                       CallError* error);
  void (*(*get_variant_from_type_constructor)(Type))(void* variant, void* value);
  void (*(*get_variant_to_type_constructor)(Type))(void* value, void* variant);
  void (*(*variant_get_ptr_constructor)(Type, std::int32_t index))(void* value, const void* const* arguments);
  void (*(*variant_get_ptr_destructor)(Type))(void* value);
  std::uint8_t* (*packed_byte_array_operator_index)(void* array, Int index);
  Object* (*global_get_singleton)(const void* name);
  Object* (*classdb_construct_object)(const void* class_name);
  void (*object_set_instance)(Object* object, const void* class_name, void* instance);
  void (*classdb_register_extension_class2)(Library*, const void* name, const void* parent, const ClassInfo2*);
  void (*classdb_register_extension_class_method)(Library*, const void* class_name, const MethodInfo*);
  void (*classdb_register_extension_class_property)(Library*, const void* class_name, const PropertyInfo*,
                                                    const void* setter, const void* getter);
  void (*classdb_register_extension_class_signal)(Library*, const void* class_name, const void* name,
                                                  const PropertyInfo* arguments, Int count);
  void (*classdb_unregister_extension_class)(Library*, const void* class_name);
  Library* library;

  // False if the engine lacks one of them: it is older than 4.2.
  bool load(GetProcAddress get, Library* library);
};
extern Engine engine;

// A value of the engine's that is no Variant. `size` bytes are enough for any of `type`.
template <Type type, std::size_t size>
class Value {
 public:
  Value() = default;
  Value(const Value&) = delete;
  Value& operator=(const Value&) = delete;
  ~Value() { engine.variant_get_ptr_destructor(type)(bytes_); }
  void* get() { return bytes_; }
  const void* get() const { return bytes_; }

 private:
  alignas(8) unsigned char bytes_[size] = {};
};

class StringName : public Value<Type::string_name, 8> {
 public:
  StringName(const char* text) { engine.string_name_new_with_latin1_chars(get(), text, 0); }
};

class String : public Value<Type::string, 8> {
 public:
  String(std::string_view text) { engine.string_new_with_utf8_chars_and_len(get(), text.data(), Int(text.size())); }
};

std::string to_utf8(const void* string);

class Variant {
 public:
  Variant() { engine.variant_new_nil(bytes_); }
  Variant(bool value) {
    Bool copy = value;
    from(Type::boolean, &copy);
  }
  Variant(Int value) { from(Type::integer, &value); }
  Variant(double value) { from(Type::real, &value); }
  Variant(std::string_view text) {
    String string(text);
    from(Type::string, string.get());
  }
  Variant(const Variant& other) { engine.variant_new_copy(bytes_, other.bytes_); }
  Variant& operator=(const Variant& other) {
    if (this != &other) {
      engine.variant_destroy(bytes_);
      engine.variant_new_copy(bytes_, other.bytes_);
    }
    return *this;
  }
  ~Variant() { engine.variant_destroy(bytes_); }

  static Variant name(const char* text);
  static Variant object(Object* object);  // counts a reference, if the object counts them
  static Variant construct(const char* class_name);
  static Variant array();
  static Variant bytes(const std::vector<std::uint8_t>& bytes);

  // Calls a method by its name; nil, and an error in the engine's log, if that fails.
  Variant call(const char* method, std::initializer_list<Variant> arguments);

  void* get() { return bytes_; }
  const void* get() const { return bytes_; }

 private:
  struct Unmade {};
  explicit Variant(Unmade) {}
  // Of a value that is not this extension's to keep: the Variant copies it.
  static Variant made_of(Type type, void* value) {
    Variant variant{Unmade()};
    variant.from(type, value);
    return variant;
  }
  void from(Type type, void* value) { engine.get_variant_from_type_constructor(type)(bytes_, value); }

  alignas(8) unsigned char bytes_[40];  // 24, or 40 in an engine built with double precision
};

void print_error(const std::string& message);

}  // namespace gd
