#pragma once
#include <span>
#include <vector>

#include "transformer/decoder.h"

namespace kandinsky {

// Throws Error (invalid_argument) that names the option and what it may be.
void check(const DrawOptions& options, const TransformerConfig& config);
void check_text(std::span<const std::int32_t> text, const TransformerConfig& config);

// Draws options.images images with the decoder's slots, which are refilled as images are completed.
std::vector<DrawnTokens> draw(Decoder& decoder, const TransformerConfig& config, std::span<const std::int32_t> text,
                              const DrawOptions& options);

}  // namespace kandinsky
