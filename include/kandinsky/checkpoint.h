#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kandinsky/dtype.h"
#include "kandinsky/export.h"

namespace kandinsky {

// One tensor of a checkpoint: a strided view of bytes that the checkpoint keeps mapped.
struct KANDINSKY_API TensorInfo {
  std::string name;  // path of dictionary keys and list indices, joined by '/'
  DType dtype = DType::float32;
  std::vector<std::int64_t> shape;    // empty for a scalar
  std::vector<std::int64_t> strides;  // in elements, one a dimension; 0 repeats
  // First element, little-endian. Valid while any copy of the Checkpoint lives. Unaligned: some formats pack tensors.
  const std::byte* data = nullptr;

  std::int64_t element_count() const noexcept;
  bool is_contiguous() const noexcept;
  // The elements in row-major order, whatever the strides. Size: element_count() * element_size(dtype).
  std::vector<std::byte> contiguous_bytes() const;
  // Lower-case hex SHA-256 of contiguous_bytes(), computed without the copy.
  std::string sha256() const;
};

// A checkpoint file: torch.save (zip and legacy), Lightning .ckpt, .pth, or safetensors, detected by content.
//
// The file is memory-mapped: opening reads the directory and the pickle alone, tensor bytes are paged in when they are
// looked at. The pickle is interpreted by a restricted reader that rebuilds tensors, containers and plain values, skips
// every other object and calls nothing. Sizes, offsets, strides and depths are checked before use, so a damaged or
// hostile file gives an Error (bad_file) and never more than a few MB of memory.
//
// Copies share the mapping. All member functions may be called from several threads at once.
class KANDINSKY_API Checkpoint {
 public:
  // Throws Error: not_found, io, bad_file, unsupported (big-endian numbers).
  static Checkpoint open(const std::filesystem::path& path);
  // Reads from memory that the caller keeps alive and unchanged while the checkpoint or a copy of it lives. `name`
  // stands for the path in messages.
  static Checkpoint from_memory(std::span<const std::byte> bytes, std::string name = "<memory>");

  // "torch-zip", "torch-legacy" or "safetensors".
  std::string_view format() const noexcept;
  // The path, or the name given to from_memory.
  const std::string& name() const noexcept;
  // In the order of the file.
  const std::vector<TensorInfo>& tensors() const noexcept;
  // nullptr if there is no tensor of that name.
  const TensorInfo* find(std::string_view name) const noexcept;
  // Value of a safetensors `__metadata__` entry, or nullptr.
  const std::string* metadata(std::string_view key) const noexcept;

  // The tensors that a model is loaded from: those under `params`, else `params_ema`, else `state_dict`, with that
  // prefix taken off; all tensors when none of the three is there. Shares the mapping.
  Checkpoint state_dict() const;

  // Tells the system that the bytes of a tensor are no longer needed in memory (they are paged in again if read).
  void drop_pages(const TensorInfo& tensor) const noexcept;

  struct Impl;

 private:
  explicit Checkpoint(std::shared_ptr<const Impl> impl);
  std::shared_ptr<const Impl> impl_;
};

}  // namespace kandinsky
