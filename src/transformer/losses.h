#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <vector>

#include "transformer/network.h"

// What the teacher-forced network says of given pictures, from ids on the host. Wrong numbers of ids and ids
// out of range throw Error (invalid_argument).
namespace kandinsky {

// [pairs, text_length + n] int64 on the device: each text followed by the image ids of its pair. `image_ids`
// is n, at most grid * grid.
at::Tensor sequences(const Network& network, std::span<const std::int32_t> texts, std::span<const std::int32_t> images,
                     int image_ids);

// Row by row, [positions, text_vocab + image_vocab] of one sequence.
std::vector<float> logits(const Network& network, std::span<const std::int32_t> text,
                          std::span<const std::int32_t> image);

// Means over the pairs. Labels are the text but its first token, then the image ids. In version 3 one loss is
// the reference's own quirk: the last text position is scored on the first image id as if it were a text id,
// which must therefore be below text_vocab, and no loss trains the image logits that the first image id is
// drawn from.
Losses losses(const Network& network, std::span<const std::int32_t> texts, std::span<const std::int32_t> images);

// Mean over image ids 1..N-1 of exp(cross-entropy); ids whose cross-entropy is exactly 0 do not count, and
// where none counts the value is 1.
double perplexity(const Network& network, std::span<const std::int32_t> text, std::span<const std::int32_t> image);

}  // namespace kandinsky
