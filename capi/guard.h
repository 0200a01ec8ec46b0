#pragma once
// The border between C++ and C: exceptions become a status, arguments are checked.
#include <algorithm>
#include <cstddef>
#include <cstring>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/fail.h"
#include "handles.h"

namespace kandinsky::capi {

void clear(kandinsky_error* error) noexcept;
// Of the exception that is being handled.
kandinsky_status status_of_exception(kandinsky_error* error) noexcept;

template <typename Body>
kandinsky_status guarded(kandinsky_error* error, Body&& body) noexcept {
  clear(error);
  try {
    body();
    return KANDINSKY_OK;
  } catch (...) {
    return status_of_exception(error);
  }
}

template <typename T>
T& need(T* pointer, const char* name) {
  if (!pointer) fail(ErrorCode::invalid_argument, name, "is NULL");
  return *pointer;
}

inline std::string need_text(const char* text, const char* name) { return std::string(&need(text, name)); }

// Text for a tokenizer: valid UTF-8.
std::string need_utf8(const char* text, const char* name);

std::span<const std::byte> need_bytes(const void* bytes, std::size_t size, const char* name);

template <typename T>
std::span<const T> need_array(const T* values, std::size_t count, const char* name) {
  if (!values && count) fail(ErrorCode::invalid_argument, name, "is NULL");
  return {values, count};
}

std::vector<std::string> need_texts(const char* const* texts, std::size_t count, const char* name);
std::vector<Image> need_images(const kandinsky_image* const* images, std::size_t count);

// Makes a result and hands it to the caller once nothing can fail any more.
template <typename T, typename Make>
kandinsky_status make(T** output, const char* name, kandinsky_error* error, Make&& build) noexcept {
  if (output) *output = nullptr;
  return guarded(error, [&] {
    need(output, name);
    T* made = new T(build());
    *output = made;
  });
}

// Of the first version of an option struct; its bytes are the start of today's.
template <typename T>
constexpr std::size_t first_size = sizeof(T);
template <>
inline constexpr std::size_t first_size<kandinsky_draw_options> = offsetof(kandinsky_draw_options, preview);
template <>
inline constexpr std::size_t first_size<kandinsky_generate_options> = offsetof(kandinsky_generate_options, picture);

// What a caller set, and the defaults for fields that it does not know.
template <typename T>
T read_options(const T* given, const T& defaults, const char* name) {
  T options = defaults;
  if (!given) return options;
  const std::size_t size = given->struct_size;
  if (size != sizeof(T) && size != first_size<T>)
    fail(ErrorCode::invalid_argument, std::string(name) + ".struct_size", "is {}, expected {}: call {}_init first",
         size, sizeof(T), name);
  std::memcpy(&options, given, size);
  return options;
}
template <typename T>
T read_options(const T* given, void (*init)(T*), const char* name) {
  T defaults;
  init(&defaults);
  return read_options(given, defaults, name);
}

// Defaults into a caller's struct of `size` bytes, which may be older or newer than today's.
template <typename T>
void write_options(const T& defaults, T* options, std::size_t size) noexcept {
  if (!options || size < sizeof options->struct_size) return;
  std::memset(static_cast<void*>(options), 0, size);
  std::memcpy(static_cast<void*>(options), &defaults, std::min(size, sizeof(T)));
  options->struct_size = size;
}

template <typename T>
void check_capacity(T* values, std::size_t capacity, std::size_t count) {
  need(values, "values");
  if (capacity < count)
    fail(ErrorCode::invalid_argument, "capacity", "is {}, but there are {} values", capacity, count);
}

template <typename T>
void write_values(std::span<const T> from, T* values, std::size_t capacity, std::size_t* count) {
  need(count, "count") = from.size();
  if (!values && capacity == 0) return;
  check_capacity(values, capacity, from.size());
  if (!from.empty()) std::memcpy(values, from.data(), from.size_bytes());
}

ComputeOptions compute_options(const kandinsky_compute_options* given);
// Tells the caller's log, if there is one.
void log(const kandinsky_compute_options* given, int level, const std::string& line);

TransformerConfig transformer_config(const kandinsky_transformer_config& given);

bool cancelled(const kandinsky_cancel* cancel);
// Throws Error (cancelled) if it is.
void check_cancel(const kandinsky_cancel* cancel);
ProgressCallback progress_callback(kandinsky_progress_callback callback, void* user, const kandinsky_cancel* cancel);

}  // namespace kandinsky::capi
