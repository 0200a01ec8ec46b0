#pragma once
#include <cstdint>
#include <span>

#include "kandinsky/vqgan.h"

namespace kandinsky {

// A picture of grid x grid tokens as far as its rows are complete; grey below.
Image preview(const VqganDecoder& vqgan, std::span<const std::int32_t> tokens, int grid);

}  // namespace kandinsky
