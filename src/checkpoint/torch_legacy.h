#pragma once
#include "checkpoint/contents.h"

namespace kandinsky {

// Whether the bytes start with the pickled magic number of the legacy format.
bool looks_like_torch_legacy(std::span<const std::byte> bytes);

// Reads what torch.save wrote before torch 1.6: pickles of a magic number, a protocol version, facts about
// the system, the object, and the list of storage keys; then each storage, as a 64-bit number of elements and
// the elements. Throws Error (bad_file, or unsupported for big-endian numbers).
Contents read_torch_legacy(const Source& source);

}  // namespace kandinsky
