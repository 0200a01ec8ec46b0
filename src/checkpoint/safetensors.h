#pragma once
#include "checkpoint/contents.h"

namespace kandinsky {

// Whether the bytes start like a safetensors file: 8 bytes of header size, then a JSON object.
bool looks_like_safetensors(std::span<const std::byte> bytes);

// Reads a safetensors file: a 64-bit little-endian header size, a JSON header, the data. As in the format's
// definition the tensors must cover the data without gaps or overlaps. Throws Error (bad_file).
Contents read_safetensors(const Source& source);

}  // namespace kandinsky
