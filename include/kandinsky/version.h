#pragma once
#include <string_view>

#include "kandinsky/export.h"

#define KANDINSKY_VERSION_MAJOR 0
#define KANDINSKY_VERSION_MINOR 1
#define KANDINSKY_VERSION_PATCH 0

namespace kandinsky {

// "0.1.0": the library that is running, which a program may compare with the macros it was compiled with.
KANDINSKY_API std::string_view version() noexcept;
// The LibTorch that the library was built with, e.g. "2.11.0".
KANDINSKY_API std::string_view torch_version() noexcept;

}  // namespace kandinsky
