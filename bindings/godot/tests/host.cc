#include "host.h"

#include <dlfcn.h>

#include <stdexcept>

#include "host_values.h"

namespace host {

Host* current = nullptr;
std::vector<std::shared_ptr<Object>> constructed;

static gd::Function get_nothing(const char*) { return nullptr; }

Value boolean(bool value) {
  Value made;
  made.type = Type::boolean;
  made.boolean = value;
  return made;
}
Value integer(std::int64_t value) {
  Value made;
  made.type = Type::integer;
  made.integer = value;
  return made;
}
Value real(double value) {
  Value made;
  made.type = Type::real;
  made.real = value;
  return made;
}
Value text(const std::string& value) {
  Value made;
  made.type = Type::string;
  made.text = value;
  return made;
}

Host::Host(const std::string& library, const std::string& where) : project(where) {
  current = this;
  library_ = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library_) throw std::runtime_error(dlerror());
  using Entry = Bool (*)(gd::GetProcAddress, gd::Library*, gd::Initialization*);
  const auto entry = reinterpret_cast<Entry>(dlsym(library_, "kandinsky_godot_init"));
  if (!entry) throw std::runtime_error("no entry symbol");
  if (entry(get_nothing, this, &initialization_)) mistakes.push_back("starts in an engine without its functions");
  if (!entry(get_proc_address, this, &initialization_)) throw std::runtime_error("the extension refuses to start");
  for (std::int32_t level = initialization_.minimum_level; level <= gd::level_scene; ++level)
    initialization_.initialize(initialization_.userdata, level);
}

Host::~Host() {
  constructed.clear();
  initialization_.deinitialize(initialization_.userdata, gd::level_scene);
  if (library_) dlclose(library_);
}

std::shared_ptr<Object> Host::create(const std::string& class_name) {
  auto* object =
      static_cast<Object*>(classes.at(class_name).info.create_instance(classes.at(class_name).info.userdata));
  return object->shared_from_this();
}

void Host::free(std::shared_ptr<Object> object) {
  const auto& info = classes.at(object->class_name).info;
  info.free_instance(info.userdata, object->instance);
  constructed.clear();
  object.reset();
}

Value Host::call(Object& object, const std::string& method, const std::vector<Value>& arguments) {
  const gd::MethodInfo& info = classes.at(object.class_name).methods.at(method).info;
  std::vector<Variant> given(arguments.size());
  std::vector<const void*> pointers;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    make(&given[i], arguments[i]);
    pointers.push_back(&given[i]);
  }
  Variant result;
  result.value = nullptr;
  gd::CallError error;
  info.call(info.userdata, object.instance, pointers.data(), Int(pointers.size()), &result, &error);
  last_error = error.error;
  Value returned;
  if (result.value) {
    returned = of(&result);
    variant_destroy(&result);
  }
  for (Variant& one : given) variant_destroy(&one);
  return returned;
}

std::int64_t Host::pointer_call(Object& object, const std::string& method) {
  const gd::MethodInfo& info = classes.at(object.class_name).methods.at(method).info;
  std::int64_t result = 0;
  info.pointer_call(info.userdata, object.instance, nullptr, &result);
  return result;
}

std::string Host::pointer_get_text(Object& object, const std::string& property) {
  const Class& type = classes.at(object.class_name);
  const gd::MethodInfo& info = type.methods.at(type.properties.at(property).second).info;
  std::string* raw = nullptr;
  put<std::string>(&raw, "");
  info.pointer_call(info.userdata, object.instance, nullptr, &raw);
  std::string got = *raw;
  drop<std::string>(&raw);
  return got;
}

void Host::pointer_set_text(Object& object, const std::string& property, const std::string& text) {
  const Class& type = classes.at(object.class_name);
  const gd::MethodInfo& info = type.methods.at(type.properties.at(property).first).info;
  std::string* raw = nullptr;
  put<std::string>(&raw, text);
  const void* arguments[] = {&raw};
  info.pointer_call(info.userdata, object.instance, arguments, nullptr);
  drop<std::string>(&raw);
}

void Host::set(Object& object, const std::string& property, const Value& value) {
  call(object, classes.at(object.class_name).properties.at(property).first, {value});
}
Value Host::get(Object& object, const std::string& property) {
  return call(object, classes.at(object.class_name).properties.at(property).second);
}

void Host::frame() {
  std::vector<std::pair<std::weak_ptr<Object>, std::string>> calls;
  {
    const std::lock_guard lock(mutex);
    calls.swap(deferred);
  }
  for (const auto& [object, method] : calls)
    if (const auto alive_object = object.lock(); alive_object && alive_object->instance) call(*alive_object, method);
}

}  // namespace host
