#include <algorithm>
#include <array>
#include <cstring>

#include "checkpoint/sha256.h"
#include "core/fail.h"
#include "kandinsky/checkpoint.h"

namespace kandinsky {
namespace {

// Calls sink(span) for the elements in row-major order: straight from the file where they lie in a row,
// through a small buffer where they do not.
template <typename Sink>
void for_each_piece(const TensorInfo& tensor, Sink sink) {
  const std::size_t size = element_size(tensor.dtype);
  const std::int64_t count = tensor.element_count();
  if (count == 0) return;
  if (tensor.is_contiguous()) return sink(std::span(tensor.data, static_cast<std::size_t>(count) * size));

  // Trailing dimensions that lie in a row form one run.
  std::size_t outer = tensor.shape.size();
  std::int64_t run = 1;
  while (outer > 0 && (tensor.shape[outer - 1] == 1 || tensor.strides[outer - 1] == run)) run *= tensor.shape[--outer];
  const std::size_t run_bytes = static_cast<std::size_t>(run) * size;

  std::array<std::byte, 16384> buffer;
  std::size_t used = 0;
  std::vector<std::int64_t> index(outer, 0);
  const std::byte* from = tensor.data;
  for (std::int64_t runs = count / run; runs > 0; --runs) {
    if (run_bytes > buffer.size() - used) {
      if (used > 0) sink(std::span<const std::byte>(buffer.data(), used));
      used = 0;
    }
    if (run_bytes > buffer.size()) {
      sink(std::span(from, run_bytes));
    } else {
      std::memcpy(buffer.data() + used, from, run_bytes);
      used += run_bytes;
    }
    for (std::size_t d = outer; d-- > 0;) {
      const std::int64_t stride = tensor.strides[d] * static_cast<std::int64_t>(size);
      if (++index[d] < tensor.shape[d]) {
        from += stride;
        break;
      }
      from -= stride * (tensor.shape[d] - 1);
      index[d] = 0;
    }
  }
  if (used > 0) sink(std::span<const std::byte>(buffer.data(), used));
}

}  // namespace

std::int64_t TensorInfo::element_count() const noexcept {
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) return 0;
  std::int64_t count = 1;
  for (const std::int64_t size : shape) count *= size;
  return count;
}

bool TensorInfo::is_contiguous() const noexcept {
  if (element_count() == 0) return true;
  std::int64_t expected = 1;
  for (std::size_t d = shape.size(); d-- > 0;) {
    if (shape[d] != 1 && strides[d] != expected) return false;
    expected *= shape[d];
  }
  return true;
}

std::vector<std::byte> TensorInfo::contiguous_bytes() const {
  std::vector<std::byte> bytes(static_cast<std::size_t>(element_count()) * element_size(dtype));
  std::byte* to = bytes.data();
  for_each_piece(*this, [&](std::span<const std::byte> piece) {
    std::memcpy(to, piece.data(), piece.size());
    to += piece.size();
  });
  return bytes;
}

std::string TensorInfo::sha256() const {
  Sha256 hash;
  for_each_piece(*this, [&](std::span<const std::byte> piece) { hash.update(piece); });
  return hash.finish();
}

}  // namespace kandinsky
