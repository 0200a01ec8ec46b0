#pragma once
// How the host lays its values out where the extension sees bytes.
#include <new>

#include "host.h"

namespace host {

using gd::Bool;
using gd::Int;
using gd::Type;

extern Host* current;
// Objects live as long as somebody holds them; bare pointers are held here until a Variant is made.
extern std::vector<std::shared_ptr<Object>> constructed;

inline void count(std::int64_t change) {
  const std::lock_guard lock(current->mutex);
  current->alive += change;
}
inline void mistake(const std::string& what) {
  const std::lock_guard lock(current->mutex);
  current->mistakes.push_back(what);
}
inline void main_thread_only(const std::string& what) {
  if (std::this_thread::get_id() != current->main_thread) mistake(what + " on another thread");
}

// Strings, names and arrays are one pointer, byte arrays 16 bytes, Variants 24.
template <typename T>
T*& box(void* place) {
  return *static_cast<T**>(place);
}
template <typename T>
const T& inside(const void* place) {
  return **static_cast<T* const*>(place);
}
template <typename T>
void put(void* place, T value) {
  box<T>(place) = new T(std::move(value));
  count(1);
}
template <typename T>
void drop(void* place) {
  if (!box<T>(place)) return mistake("a value is destroyed twice");
  delete box<T>(place);
  box<T>(place) = nullptr;
  count(-1);
}
inline const std::string& name_of(const void* place) { return inside<std::string>(place); }

struct Variant {
  Value* value;
  unsigned char rest[16];
};
static_assert(sizeof(Variant) == 24);
inline Value& of(const void* variant) { return *static_cast<const Variant*>(variant)->value; }
inline void make(void* variant, Value value) {
  static_cast<Variant*>(variant)->value = new Value(std::move(value));
  count(1);
}

inline void variant_destroy(void* variant) {
  delete static_cast<Variant*>(variant)->value;
  count(-1);
}

gd::Function get_proc_address(const char* name);

}  // namespace host
