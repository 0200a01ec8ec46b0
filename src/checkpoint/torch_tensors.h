#pragma once
#include <functional>

#include "checkpoint/contents.h"
#include "checkpoint/pickle.h"

namespace kandinsky {

// The bytes of a storage of a torch.save file: at least `bytes` of them. Called once a storage key.
using StorageLookup = std::function<std::span<const std::byte>(std::string_view key, std::uint64_t bytes)>;

// Bytes of a storage: its number of elements times the size of its type (1 if untyped). Throws Error
// (bad_file).
std::uint64_t storage_bytes(const pickle::Storage& storage, const std::string& file);

// The named tensors of a pickle as views of their storages, every one checked to lie inside. Throws Error
// (bad_file).
std::vector<TensorInfo> resolve_tensors(const pickle::Pickle& pickle, const Source& source,
                                        const StorageLookup& lookup);

}  // namespace kandinsky
