#include "engine.h"

#include <cstring>

namespace gd {

Engine engine;

bool Engine::load(GetProcAddress get, Library* of) {
  library = of;
  bool found = true;
  const auto look_up = [&](auto& function, const char* name) {
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(get(name));
    found = found && function;
  };
#define LOOK_UP(name) look_up(name, #name)
  LOOK_UP(print_error_with_message);
  LOOK_UP(string_name_new_with_latin1_chars);
  LOOK_UP(string_new_with_utf8_chars_and_len);
  LOOK_UP(string_to_utf8_chars);
  LOOK_UP(variant_new_nil);
  LOOK_UP(variant_new_copy);
  LOOK_UP(variant_destroy);
  LOOK_UP(variant_get_type);
  LOOK_UP(variant_call);
  LOOK_UP(get_variant_from_type_constructor);
  LOOK_UP(get_variant_to_type_constructor);
  LOOK_UP(variant_get_ptr_constructor);
  LOOK_UP(variant_get_ptr_destructor);
  LOOK_UP(packed_byte_array_operator_index);
  LOOK_UP(global_get_singleton);
  LOOK_UP(classdb_construct_object);
  LOOK_UP(object_set_instance);
  LOOK_UP(classdb_register_extension_class2);
  LOOK_UP(classdb_register_extension_class_method);
  LOOK_UP(classdb_register_extension_class_property);
  LOOK_UP(classdb_register_extension_class_signal);
  LOOK_UP(classdb_unregister_extension_class);
#undef LOOK_UP
  return found;
}

std::string to_utf8(const void* string) {
  std::string text(std::size_t(engine.string_to_utf8_chars(string, nullptr, 0)), '\0');
  engine.string_to_utf8_chars(string, text.data(), Int(text.size()));
  return text;
}

Variant Variant::name(const char* text) {
  StringName string(text);
  return made_of(Type::string_name, string.get());
}

Variant Variant::object(Object* object) { return made_of(Type::object, &object); }

Variant Variant::construct(const char* class_name) {
  return object(engine.classdb_construct_object(StringName(class_name).get()));
}

Variant Variant::array() {
  Value<Type::array, 8> value;
  engine.variant_get_ptr_constructor(Type::array, 0)(value.get(), nullptr);
  return made_of(Type::array, value.get());
}

Variant Variant::bytes(const std::vector<std::uint8_t>& bytes) {
  Value<Type::packed_byte_array, 16> array;
  {
    Value<Type::packed_byte_array, 16> empty;
    engine.variant_get_ptr_constructor(Type::packed_byte_array, 0)(empty.get(), nullptr);
    Variant sized = made_of(Type::packed_byte_array, empty.get());
    sized.call("resize", {Int(bytes.size())});
    engine.get_variant_to_type_constructor(Type::packed_byte_array)(array.get(), sized.get());
  }
  // Nothing else holds the array now: it is not copied before it is written to.
  if (!bytes.empty()) std::memcpy(engine.packed_byte_array_operator_index(array.get(), 0), bytes.data(), bytes.size());
  return made_of(Type::packed_byte_array, array.get());
}

Variant Variant::call(const char* method, std::initializer_list<Variant> arguments) {
  std::vector<const void*> pointers;
  for (const Variant& argument : arguments) pointers.push_back(argument.get());
  Variant result;  // nil, which needs no destruction before it is written over
  CallError error;
  engine.variant_call(get(), StringName(method).get(), pointers.data(), Int(pointers.size()), result.get(), &error);
  if (error.error != call_ok) print_error(std::string("the engine refused to call ") + method);
  return result;
}

void print_error(const std::string& message) {
  engine.print_error_with_message("kandinsky", message.c_str(), "kandinsky", __FILE__, __LINE__, 0);
}

}  // namespace gd
