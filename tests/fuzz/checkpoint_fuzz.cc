// Reads the input as a checkpoint file, and as a bare pickle. Only kandinsky::Error may come out, and what is
// read must lie inside the input.
#include <cstdint>
#include <stdexcept>

#include "checkpoint/pickle_reader.h"
#include "checkpoint/tensor_walk.h"
#include "kandinsky/checkpoint.h"
#include "kandinsky/error.h"

namespace {

constexpr std::int64_t most_bytes_to_read = 1 << 20;

void expect(bool condition, const char* what) {
  if (!condition) throw std::logic_error(what);
}

void read_everything(const kandinsky::Checkpoint& checkpoint) {
  std::int64_t read = 0;
  for (const kandinsky::TensorInfo& tensor : checkpoint.tensors()) {
    expect(checkpoint.find(tensor.name) != nullptr, "a tensor is listed but not found");
    expect(tensor.shape.size() == tensor.strides.size(), "a tensor has not one stride a dimension");
    expect(tensor.element_count() >= 0, "a tensor has a negative number of elements");
    const auto bytes = tensor.element_count() * static_cast<std::int64_t>(kandinsky::element_size(tensor.dtype));
    read += bytes;
    if (read > most_bytes_to_read) break;
    expect(static_cast<std::int64_t>(tensor.contiguous_bytes().size()) == bytes, "a tensor has a wrong size");
    expect(tensor.sha256().size() == 64, "a hash has a wrong length");
    checkpoint.drop_pages(tensor);
  }
  expect(checkpoint.state_dict().tensors().size() <= checkpoint.tensors().size(), "a state dict has grown");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  try {
    read_everything(kandinsky::Checkpoint::from_memory(bytes, "fuzz"));
  } catch (const kandinsky::Error&) {
  }
  try {
    const auto pickle = kandinsky::pickle::read_pickle(bytes, "fuzz");
    kandinsky::pickle::find_tensors(pickle, "fuzz");
  } catch (const kandinsky::Error&) {
  }
  return 0;
}
