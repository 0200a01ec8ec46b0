#include "tensor/weights.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <fmt/ranges.h>

#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "core/fail.h"

namespace kandinsky {
namespace {

std::optional<at::ScalarType> scalar_type(DType dtype) {
  switch (dtype) {
    case DType::float64:
      return at::kDouble;
    case DType::float32:
      return at::kFloat;
    case DType::float16:
      return at::kHalf;
    case DType::bfloat16:
      return at::kBFloat16;
    case DType::int64:
      return at::kLong;
    case DType::int32:
      return at::kInt;
    case DType::int16:
      return at::kShort;
    case DType::int8:
      return at::kChar;
    case DType::uint8:
      return at::kByte;
    case DType::boolean:
      return at::kBool;
    default:
      return std::nullopt;
  }
}

bool is_real(DType dtype) {
  return dtype == DType::float64 || dtype == DType::float32 || dtype == DType::float16 || dtype == DType::bfloat16;
}

}  // namespace

at::Tensor view(const TensorInfo& tensor) {
  const auto type = scalar_type(tensor.dtype);
  if (!type) fail(ErrorCode::unsupported, tensor.name, "no tensors of type {} here", dtype_name(tensor.dtype));
  const auto options = at::TensorOptions().dtype(*type);
  if (tensor.element_count() == 0) return at::empty(tensor.shape, options);
  if (reinterpret_cast<std::uintptr_t>(tensor.data) % element_size(tensor.dtype) != 0) {
    const std::vector<std::byte> bytes = tensor.contiguous_bytes();
    at::Tensor copy = at::empty(tensor.shape, options);
    std::memcpy(copy.mutable_data_ptr(), bytes.data(), bytes.size());
    return copy;
  }
  return at::from_blob(const_cast<std::byte*>(tensor.data), tensor.shape, tensor.strides, options);
}

Weights::Weights(Checkpoint checkpoint, at::Device device, at::ScalarType dtype, std::string prefix)
    : checkpoint_(std::move(checkpoint)), device_(device), dtype_(dtype), prefix_(std::move(prefix)) {}

Weights::Weights(Maker maker) : maker_(std::move(maker)) {}

Weights Weights::mapped(Checkpoint checkpoint) {
  Weights result(std::move(checkpoint));
  result.mapped_ = true;
  return result;
}

Weights Weights::under(std::string_view name) const {
  Weights result = *this;
  result.prefix_ += std::string(name) + ".";
  return result;
}

Weights Weights::as(at::ScalarType dtype) const {
  Weights result = *this;
  result.dtype_ = dtype;
  result.converts_ = true;
  return result;
}

Weights Weights::with_tf32() const {
  Weights result = *this;
  result.tf32_ = true;
  return result;
}

bool Weights::has(std::string_view name) const { return !checkpoint_ || checkpoint_->find(full_name(name)) != nullptr; }

const TensorInfo& Weights::info(std::string_view name) const {
  if (!checkpoint_) fail(ErrorCode::internal, full_name(name), "made weights have no file to look into");
  const TensorInfo* info = checkpoint_->find(full_name(name));
  if (info == nullptr) fail(ErrorCode::bad_file, checkpoint_->name(), "there is no tensor '{}'", full_name(name));
  return *info;
}

at::Tensor Weights::get(std::string_view name, std::initializer_list<std::int64_t> shape) const {
  if (!checkpoint_) {
    const at::Tensor made = maker_(full_name(name), shape);
    return converts_ ? made.to(dtype_) : made;
  }
  const TensorInfo& tensor = info(name);
  if (!is_real(tensor.dtype))
    fail(ErrorCode::bad_file, checkpoint_->name(), "tensor '{}' is {}, expected floating-point numbers", tensor.name,
         dtype_name(tensor.dtype));
  bool fits = tensor.shape.size() == shape.size();
  for (std::size_t i = 0; fits && i < shape.size(); ++i)
    fits = shape.begin()[i] == -1 || shape.begin()[i] == tensor.shape[i];
  if (!fits)
    fail(ErrorCode::bad_file, checkpoint_->name(), "tensor '{}' has shape [{}], expected [{}]", tensor.name,
         fmt::join(tensor.shape, ", "), fmt::join(shape, ", "));
  if (mapped_) return view(tensor).contiguous();
  at::Tensor result = view(tensor)
                          .to(at::TensorOptions().device(device_).dtype(dtype_), /*non_blocking=*/false,
                              /*copy=*/true)
                          .contiguous();
  checkpoint_->drop_pages(tensor);
  return result;
}

std::int64_t Weights::size(std::string_view name, int rank, int dim) const {
  const TensorInfo& tensor = info(name);
  if (static_cast<int>(tensor.shape.size()) != rank)
    fail(ErrorCode::bad_file, checkpoint_->name(), "tensor '{}' has shape [{}], expected {} dimensions", tensor.name,
         fmt::join(tensor.shape, ", "), rank);
  return tensor.shape[dim];
}

}  // namespace kandinsky
