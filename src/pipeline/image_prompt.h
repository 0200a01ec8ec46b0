#pragma once
#include <cstdint>
#include <vector>

#include "kandinsky/pipeline.h"

namespace kandinsky {

// The ids that an image prompt forces, grid * grid, -1 where the model draws. Where strips that were encoded
// on their own cross, the later of down, right, left, up wins, as in the original. Throws Error
// (invalid_argument) for a picture or border that does not fit the grid.
std::vector<std::int32_t> forced_ids(const ImagePrompt& prompt, const VqganDecoder& vqgan, int grid);

}  // namespace kandinsky
