#include "checkpoint/torch_tensors.h"

#include <map>

#include "checkpoint/printable.h"
#include "checkpoint/tensor_layout.h"
#include "checkpoint/tensor_walk.h"
#include "core/fail.h"

namespace kandinsky {
namespace {

// A view of stride 0 can claim terabytes of a small file. No checkpoint repeats itself so often: all tensors
// together may have 16 times the bytes of the file.
class RepetitionLimit {
 public:
  explicit RepetitionLimit(const Source& source)
      : file_(source.name), left_((32ull << 20) + 16 * source.bytes.size()) {}

  void add(std::uint64_t bytes, std::string_view tensor) {
    if (bytes > left_) {
      fail(ErrorCode::bad_file, file_, "tensor '{}' repeats its storage to {} bytes, far more than the file has",
           printable(tensor), bytes);
    }
    left_ -= bytes;
  }

 private:
  std::string file_;
  std::uint64_t left_;
};

class Resolver {
 public:
  Resolver(const pickle::Pickle& pickle, const Source& source, const StorageLookup& lookup)
      : pickle_(pickle), source_(source), lookup_(lookup), limit_(source) {}

  TensorInfo resolve(pickle::NamedTensor named) {
    const pickle::Tensor& tensor = pickle_.tensors[named.tensor];
    const pickle::Storage& storage = pickle_.storages[tensor.storage];
    const std::size_t size = element_size(tensor.dtype);
    const Extent extent = check_extent(tensor.shape, tensor.strides, size, source_.name, named.name);
    const std::uint64_t bytes = storage_bytes(storage, source_.name);
    const std::span<const std::byte> data = storage_data(storage.key, bytes);

    std::int64_t first = 0;
    std::int64_t end = 0;
    const bool overflow = __builtin_add_overflow(tensor.offset, storage.view_offset, &first) ||
                          __builtin_add_overflow(first, extent.reach, &end);
    if (overflow || tensor.offset < 0 || storage.view_offset < 0 || static_cast<std::uint64_t>(end) > bytes / size) {
      fail(ErrorCode::bad_file, source_.name, "tensor '{}' reaches outside its storage of {} bytes",
           printable(named.name), bytes);
    }
    limit_.add(static_cast<std::uint64_t>(extent.count) * size, named.name);
    return {std::move(named.name), tensor.dtype, tensor.shape, tensor.strides,
            data.data() + static_cast<std::size_t>(first) * size};
  }

 private:
  std::span<const std::byte> storage_data(std::string_view key, std::uint64_t bytes) {
    const auto known = data_.find(key);
    if (known != data_.end() && known->second.size() >= bytes) return known->second;
    const auto found = lookup_(key, bytes);
    data_[key] = found;
    return found;
  }

  const pickle::Pickle& pickle_;
  const Source& source_;
  const StorageLookup& lookup_;
  RepetitionLimit limit_;
  std::map<std::string_view, std::span<const std::byte>> data_;
};

}  // namespace

std::uint64_t storage_bytes(const pickle::Storage& storage, const std::string& file) {
  const std::uint64_t size = storage.type.has_dtype ? element_size(storage.type.dtype) : 1;
  std::uint64_t bytes = 0;
  if (__builtin_mul_overflow(storage.count, size, &bytes)) {
    fail(ErrorCode::bad_file, file, "storage '{}' of {} elements is too large", printable(storage.key), storage.count);
  }
  return bytes;
}

std::vector<TensorInfo> resolve_tensors(const pickle::Pickle& pickle, const Source& source,
                                        const StorageLookup& lookup) {
  Resolver resolver(pickle, source, lookup);
  std::vector<TensorInfo> tensors;
  for (pickle::NamedTensor& named : pickle::find_tensors(pickle, source.name)) {
    tensors.push_back(resolver.resolve(std::move(named)));
  }
  return tensors;
}

}  // namespace kandinsky
