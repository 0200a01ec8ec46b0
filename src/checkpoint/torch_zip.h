#pragma once
#include "checkpoint/contents.h"

namespace kandinsky {

// Whether the bytes start like a zip file.
bool looks_like_zip(std::span<const std::byte> bytes);

// Reads what torch.save writes since torch 1.6: a zip of ROOT/data.pkl, ROOT/data/KEY for each storage, and a
// ROOT/byteorder in newer ones. Throws Error (bad_file, or unsupported for big-endian numbers).
Contents read_torch_zip(const Source& source);

}  // namespace kandinsky
