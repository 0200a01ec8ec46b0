#pragma once
#include <cstddef>
#include <string_view>

#include "kandinsky/export.h"

namespace kandinsky {

// Element types that a checkpoint may hold. Names are those of torch (`float16`, `bfloat16`, `bool` ...).
enum class DType {
  float64,
  float32,
  float16,
  bfloat16,
  complex32,
  complex64,
  complex128,
  int64,
  int32,
  int16,
  int8,
  uint8,
  uint16,
  uint32,
  uint64,
  boolean,
  float8_e4m3fn,
  float8_e5m2,
};

// Bytes of one element: 1, 2, 4, 8 or 16.
KANDINSKY_API std::size_t element_size(DType dtype) noexcept;

// The torch name, e.g. "float16".
KANDINSKY_API std::string_view dtype_name(DType dtype) noexcept;

}  // namespace kandinsky
