// Tells the engine about the node: class, properties, methods, signals. The library's entry point is at the end.
#include <array>

#include "generator.h"

namespace kandinsky_godot {
namespace {

using gd::engine;
using gd::Type;

const std::array<Property, 14> properties = {{
    {"model_directory", &Settings::model_directory, gd::hint_none, ""},
    {"device", &Settings::device, gd::hint_none, ""},
    {"dtype", &Settings::dtype, gd::hint_enum, "auto,fp32,bf16,fp16"},
    {"threads", &Settings::threads, gd::hint_range, "0,1024"},
    {"prompt", &Settings::prompt, gd::hint_multiline, ""},
    {"images", &Settings::images, gd::hint_range, "1,4096"},
    {"pick", &Settings::pick, gd::hint_range, "1,4096"},
    {"seed", &Settings::seed, gd::hint_none, ""},
    {"top_k", &Settings::top_k, gd::hint_none, ""},
    {"top_p", &Settings::top_p, gd::hint_range, "0,1,0.001"},
    {"temperature", &Settings::temperature, gd::hint_range, "0,1000,0.01"},
    {"rank", &Settings::rank, gd::hint_none, ""},
    {"super_resolution", &Settings::super_resolution, gd::hint_none, ""},
    {"preview_every", &Settings::preview_every, gd::hint_range, "0,4096"},
}};

Type type_of(const Field& field) {
  constexpr Type types[] = {Type::boolean, Type::integer, Type::real, Type::string};
  return types[field.index()];
}

// ---- Values across the border: as Variants, and as pointers to plain values.

gd::Variant read(const Settings& settings, const Field& field) {
  return std::visit(
      [&](auto member) {
        if constexpr (std::is_same_v<decltype(member), std::string Settings::*>)
          return gd::Variant(std::string_view(settings.*member));
        else
          return gd::Variant(settings.*member);
      },
      field);
}

void read_pointer(const Settings& settings, const Field& field, void* result) {
  if (const auto* flag = std::get_if<0>(&field)) *static_cast<gd::Bool*>(result) = settings.**flag;
  if (const auto* integer = std::get_if<1>(&field)) *static_cast<gd::Int*>(result) = settings.**integer;
  if (const auto* real = std::get_if<2>(&field)) *static_cast<double*>(result) = settings.**real;
  if (const auto* text = std::get_if<3>(&field)) {
    const std::string& value = settings.**text;
    engine.variant_get_ptr_destructor(Type::string)(result);
    engine.string_new_with_utf8_chars_and_len(result, value.data(), gd::Int(value.size()));
  }
}

void write_pointer(Settings& settings, const Field& field, const void* value) {
  if (const auto* flag = std::get_if<0>(&field)) settings.** flag = *static_cast<const gd::Bool*>(value) != 0;
  if (const auto* integer = std::get_if<1>(&field)) settings.** integer = *static_cast<const gd::Int*>(value);
  if (const auto* real = std::get_if<2>(&field)) settings.** real = *static_cast<const double*>(value);
  if (const auto* text = std::get_if<3>(&field)) settings.** text = gd::to_utf8(value);
}

// False if the Variant holds something else. Whole numbers do where reals are wanted.
bool write(Settings& settings, const Field& field, const void* variant) {
  const Type wanted = type_of(field), given = engine.variant_get_type(variant);
  const auto convert = [&](Type type, void* to) {
    engine.get_variant_to_type_constructor(type)(to, const_cast<void*>(variant));
  };
  if (wanted == Type::real && given == Type::integer) {
    gd::Int value = 0;
    convert(Type::integer, &value);
    settings.*std::get<2>(field) = double(value);
    return true;
  }
  if (wanted != given) return false;
  if (wanted == Type::string) {
    gd::Value<Type::string, 8> text;
    convert(Type::string, text.get());
    write_pointer(settings, field, text.get());
  } else {
    alignas(8) unsigned char value[8] = {};
    convert(wanted, value);
    write_pointer(settings, field, value);
  }
  return true;
}

bool takes(gd::Int wanted, gd::Int given, gd::CallError* error) {
  if (given == wanted) return true;
  *error = {given < wanted ? gd::call_too_few_arguments : gd::call_too_many_arguments, std::int32_t(wanted),
            std::int32_t(wanted)};
  return false;
}

// ---- Getters and setters: the method's userdata is the property.

void get(void* property, void* instance, const void* const*, gd::Int count, void* result, gd::CallError* error) {
  if (!takes(0, count, error)) return;
  const gd::Variant value = read(static_cast<Generator*>(instance)->settings, static_cast<Property*>(property)->field);
  engine.variant_new_copy(result, value.get());
}
void get_pointer(void* property, void* instance, const void* const*, void* result) {
  read_pointer(static_cast<Generator*>(instance)->settings, static_cast<Property*>(property)->field, result);
}
void set(void* property, void* instance, const void* const* arguments, gd::Int count, void*, gd::CallError* error) {
  if (!takes(1, count, error)) return;
  const Field& field = static_cast<Property*>(property)->field;
  if (!write(static_cast<Generator*>(instance)->settings, field, arguments[0]))
    *error = {gd::call_invalid_argument, 0, std::int32_t(type_of(field))};
}
void set_pointer(void* property, void* instance, const void* const* arguments, void*) {
  write_pointer(static_cast<Generator*>(instance)->settings, static_cast<Property*>(property)->field, arguments[0]);
}

// ---- Methods without arguments.

struct Method {
  const char* name;
  bool (*run)(Generator&);
  bool has_result;
};
const std::array<Method, 4> methods = {{
    {"generate", [](Generator& node) { return node.generate(); }, true},
    {"cancel", [](Generator& node) { return node.cancel(), false; }, false},
    {"is_generating", [](Generator& node) { return node.is_generating(); }, true},
    {"_deliver", [](Generator& node) { return node.deliver(), false; }, false},
}};

// Nothing of C++'s may unwind into the engine.
bool run(const Method& method, Generator& node) {
  try {
    return method.run(node);
  } catch (const std::exception& exception) {
    gd::print_error(std::string(method.name) + ": " + exception.what());
    return false;
  }
}
void call(void* userdata, void* instance, const void* const*, gd::Int count, void* result, gd::CallError* error) {
  const Method& method = *static_cast<Method*>(userdata);
  if (!takes(0, count, error)) return;
  const bool value = run(method, *static_cast<Generator*>(instance));
  if (method.has_result) engine.variant_new_copy(result, gd::Variant(value).get());
}
void call_pointer(void* userdata, void* instance, const void* const*, void* result) {
  const Method& method = *static_cast<Method*>(userdata);
  const bool value = run(method, *static_cast<Generator*>(instance));
  if (method.has_result) *static_cast<gd::Bool*>(result) = value;
}

// ---- Descriptions.

// A gd::PropertyInfo and the strings that it points at.
class Description {
 public:
  Description(Type type, const char* name, std::uint32_t hint = gd::hint_none, const char* hint_text = "")
      : name_(name), class_(""), hint_(hint_text), info{type, name_.get(), class_.get(),
                                                        hint, hint_.get(), gd::usage_default} {}

 private:
  gd::StringName name_, class_;
  gd::String hint_;

 public:
  gd::PropertyInfo info;
};

void register_method(const char* name, const void* userdata, gd::Call call, gd::PointerCall pointer_call,
                     Description* result, Description* argument) {
  gd::StringName method(name);
  std::int32_t metadata = 0;
  gd::MethodInfo info{method.get(),
                      const_cast<void*>(userdata),
                      call,
                      pointer_call,
                      1,
                      result != nullptr,
                      result ? &result->info : nullptr,
                      0,
                      argument ? 1u : 0u,
                      argument ? &argument->info : nullptr,
                      &metadata,
                      0,
                      nullptr};
  engine.classdb_register_extension_class_method(engine.library, gd::StringName(Generator::class_name).get(), &info);
}

void register_property(const Property& property) {
  const Type type = type_of(property.field);
  const std::string getter = std::string("get_") + property.name, setter = std::string("set_") + property.name;
  Description value(type, property.name, property.hint, property.hint_text), result(type, ""), argument(type, "value");
  register_method(getter.c_str(), &property, get, get_pointer, &result, nullptr);
  register_method(setter.c_str(), &property, set, set_pointer, nullptr, &argument);
  engine.classdb_register_extension_class_property(engine.library, gd::StringName(Generator::class_name).get(),
                                                   &value.info, gd::StringName(setter.c_str()).get(),
                                                   gd::StringName(getter.c_str()).get());
}

void register_signal(const char* name, Description* argument) {
  engine.classdb_register_extension_class_signal(engine.library, gd::StringName(Generator::class_name).get(),
                                                 gd::StringName(name).get(), argument ? &argument->info : nullptr,
                                                 argument ? 1 : 0);
}

gd::Object* create(void*) {
  gd::Object* object = engine.classdb_construct_object(gd::StringName(Generator::parent_name).get());
  engine.object_set_instance(object, gd::StringName(Generator::class_name).get(), new Generator(object));
  return object;
}

void destroy(void*, void* instance) { delete static_cast<Generator*>(instance); }

void initialize(void*, std::int32_t level) {
  if (level == gd::level_scene) register_generator();
}
void deinitialize(void*, std::int32_t level) {
  if (level == gd::level_scene) unregister_generator();
}

}  // namespace

void register_generator() {
  gd::ClassInfo2 info{};
  info.is_exposed = 1;
  info.create_instance = create;
  info.free_instance = destroy;
  engine.classdb_register_extension_class2(engine.library, gd::StringName(Generator::class_name).get(),
                                           gd::StringName(Generator::parent_name).get(), &info);
  for (const Property& property : properties) register_property(property);
  for (const Method& method : methods) {
    Description result(Type::boolean, "");
    register_method(method.name, &method, call, call_pointer, method.has_result ? &result : nullptr, nullptr);
  }
  Description fraction(Type::real, "fraction"), texture(Type::object, "texture"), textures(Type::array, "textures"),
      message(Type::string, "message");
  register_signal("progress", &fraction);
  register_signal("preview", &texture);
  register_signal("finished", &textures);
  register_signal("failed", &message);
  register_signal("cancelled", nullptr);
}

void unregister_generator() {
  engine.classdb_unregister_extension_class(engine.library, gd::StringName(Generator::class_name).get());
  Generator::drain();
}

}  // namespace kandinsky_godot

extern "C" __attribute__((visibility("default"))) gd::Bool kandinsky_godot_init(gd::GetProcAddress get,
                                                                                gd::Library* library,
                                                                                gd::Initialization* initialization) {
  if (!gd::engine.load(get, library)) return 0;
  initialization->minimum_level = gd::level_scene;
  initialization->initialize = kandinsky_godot::initialize;
  initialization->deinitialize = kandinsky_godot::deinitialize;
  return 1;
}
