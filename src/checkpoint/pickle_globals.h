#pragma once
#include <string_view>

#include "checkpoint/pickle.h"

namespace kandinsky::pickle {

// The value that the name of a class or function in a pickle stands for. Nothing is imported: a name that is
// not known gives Global::unknown.
Value find_global(std::string_view module, std::string_view name);

}  // namespace kandinsky::pickle
