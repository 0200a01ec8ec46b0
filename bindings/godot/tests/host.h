#pragma once
// A host that loads the extension as Godot does: the engine's interface over plain C++ values, with as many classes as
// the node needs. Every value is counted, and what the engine allows on the main thread alone is checked to happen
// there.
#include <any>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "gdextension.h"

namespace host {

struct Object;
struct Value;
using Bytes = std::shared_ptr<std::vector<std::uint8_t>>;  // copied when written to while shared
using Array = std::shared_ptr<std::vector<Value>>;

// What a Variant holds.
struct Value {
  gd::Type type = gd::Type::nil;
  bool boolean = false;
  std::int64_t integer = 0;
  double real = 0;
  std::string text;  // of strings and names
  std::shared_ptr<Object> object;
  Array array;
  Bytes bytes;
};

struct Emitted {
  std::string signal;
  std::vector<Value> arguments;
};

struct Object : std::enable_shared_from_this<Object> {
  std::string class_name;
  void* instance = nullptr;   // the extension's
  int width = 0, height = 0;  // of images and textures
  std::vector<std::uint8_t> pixels;
  std::vector<Emitted> emitted;
};

struct Described {
  gd::Type type;
  std::string name;
};
struct Method {
  gd::MethodInfo info;
  std::vector<Described> arguments;
};
struct Class {
  std::string parent;
  gd::ClassInfo2 info;
  std::map<std::string, Method> methods;
  std::map<std::string, std::pair<std::string, std::string>> properties;  // setter, getter
  std::map<std::string, std::vector<Described>> signals;
};

class Host {
 public:
  // Loads the library and initialises it up to the scene level.
  Host(const std::string& library, const std::string& project);
  ~Host();
  static Host& get();

  std::shared_ptr<Object> create(const std::string& class_name);
  void free(std::shared_ptr<Object> object);

  Value call(Object& object, const std::string& method, const std::vector<Value>& arguments = {});
  // As typed scripts call: through pointers to plain values.
  std::int64_t pointer_call(Object& object, const std::string& method);
  std::string pointer_get_text(Object& object, const std::string& property);
  void pointer_set_text(Object& object, const std::string& property, const std::string& text);
  void set(Object& object, const std::string& property, const Value& value);
  Value get(Object& object, const std::string& property);
  // One frame: deferred calls.
  void frame();

  std::map<std::string, Class> classes;
  std::vector<std::string> errors;    // that the extension printed
  std::vector<std::string> mistakes;  // of the extension's, as the engine sees it
  std::string project;                // where res:// is
  std::int64_t alive = 0;             // strings, names, arrays and Variants
  std::int32_t last_error = 0;        // of call()
  std::mutex mutex;
  std::vector<std::pair<std::weak_ptr<Object>, std::string>> deferred;

  const std::thread::id main_thread = std::this_thread::get_id();

 private:
  void* library_ = nullptr;
  gd::Initialization initialization_{};
};

Value boolean(bool value);
Value integer(std::int64_t value);
Value real(double value);
Value text(const std::string& value);

}  // namespace host
