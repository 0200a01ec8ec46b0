#pragma once
#include <string>

#include "kandinsky/error.h"
#include "kandinsky/transformer.h"

namespace kandinsky {

// Throws Error (code, subject) that names the first field out of its range, or that does not fit the others.
// The ranges keep every product of sizes well inside 64 bits.
void check(const TransformerConfig& config, ErrorCode code, const std::string& subject);

}  // namespace kandinsky
