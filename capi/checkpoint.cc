#include "guard.h"

using namespace kandinsky;
using namespace kandinsky::capi;

namespace {

kandinsky_checkpoint named(Checkpoint file) {
  kandinsky_checkpoint made{std::move(file), {}};
  for (const TensorInfo& tensor : made.file.tensors()) made.dtypes.emplace_back(dtype_name(tensor.dtype));
  return made;
}

const TensorInfo* tensor_at(const kandinsky_checkpoint* checkpoint, std::size_t index) {
  return index < kandinsky_checkpoint_count(checkpoint) ? &checkpoint->file.tensors()[index] : nullptr;
}

}  // namespace

kandinsky_status kandinsky_checkpoint_open(const char* path, kandinsky_checkpoint** checkpoint,
                                           kandinsky_error* error) {
  return make(checkpoint, "checkpoint", error, [&] { return named(Checkpoint::open(need_text(path, "path"))); });
}
kandinsky_status kandinsky_checkpoint_open_memory(const void* bytes, size_t size, const char* name,
                                                  kandinsky_checkpoint** checkpoint, kandinsky_error* error) {
  return make(checkpoint, "checkpoint", error, [&] {
    return named(Checkpoint::from_memory(need_bytes(bytes, size, "bytes"), name ? name : "<memory>"));
  });
}
// A string literal, which ends with a zero byte.
const char* kandinsky_checkpoint_format(const kandinsky_checkpoint* checkpoint) {
  return checkpoint ? checkpoint->file.format().data() : nullptr;
}
size_t kandinsky_checkpoint_count(const kandinsky_checkpoint* checkpoint) {
  return checkpoint ? checkpoint->file.tensors().size() : 0;
}
const char* kandinsky_checkpoint_name(const kandinsky_checkpoint* checkpoint, size_t index) {
  const TensorInfo* tensor = tensor_at(checkpoint, index);
  return tensor ? tensor->name.c_str() : nullptr;
}
const char* kandinsky_checkpoint_dtype(const kandinsky_checkpoint* checkpoint, size_t index) {
  return tensor_at(checkpoint, index) ? checkpoint->dtypes[index].c_str() : nullptr;
}
const int64_t* kandinsky_checkpoint_shape(const kandinsky_checkpoint* checkpoint, size_t index, size_t* dimensions) {
  const TensorInfo* tensor = tensor_at(checkpoint, index);
  if (dimensions) *dimensions = tensor ? tensor->shape.size() : 0;
  return tensor ? tensor->shape.data() : nullptr;
}
kandinsky_status kandinsky_checkpoint_read(const kandinsky_checkpoint* checkpoint, size_t index,
                                           kandinsky_buffer** bytes, kandinsky_error* error) {
  return make(bytes, "bytes", error, [&] {
    const std::vector<TensorInfo>& tensors = need(checkpoint, "checkpoint").file.tensors();
    if (index >= tensors.size())
      fail(ErrorCode::invalid_argument, "index", "is {}, but there are {} tensors", index, tensors.size());
    kandinsky_buffer made;
    made.bytes = tensors[index].contiguous_bytes();
    made.size = made.bytes.size();
    return made;
  });
}
void kandinsky_checkpoint_release(kandinsky_checkpoint* checkpoint) { delete checkpoint; }
