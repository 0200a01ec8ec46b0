#pragma once
#include <cstddef>
#include <span>
#include <string>

#include "checkpoint/pickle.h"

namespace kandinsky::pickle {

// Reads one pickle (protocols 0 to 5) from the front of `bytes`, which must outlive the result. The
// interpreter rebuilds tensors, containers and plain values; every other object becomes an opaque value. It
// calls and imports nothing, does not recurse, and takes memory in proportion to the pickle. Throws Error
// (bad_file) about `file`.
Pickle read_pickle(std::span<const std::byte> bytes, const std::string& file);
// The same for a pickle that was compressed to `bytes_in_file`: its memory is in proportion to those.
Pickle read_pickle(std::span<const std::byte> bytes, const std::string& file, std::size_t bytes_in_file);

}  // namespace kandinsky::pickle
