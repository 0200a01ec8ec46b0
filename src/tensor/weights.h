#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "kandinsky/checkpoint.h"

namespace kandinsky {

// What a network is built from: the tensors of a checkpoint, or of a function that makes each from its name and shape
// (random weights for benchmarks, meta tensors to count parameters). Names may be given relative to a prefix.
class Weights {
 public:
  using Maker = std::function<at::Tensor(const std::string& name, at::IntArrayRef shape)>;

  explicit Weights(Checkpoint checkpoint, at::Device device = at::kCPU, at::ScalarType dtype = at::kFloat,
                   std::string prefix = "");
  explicit Weights(Maker maker);
  // The tensors as they are in the file, on the CPU and without a copy where the file's alignment allows: the caller
  // keeps the checkpoint.
  static Weights mapped(Checkpoint checkpoint);

  // The same tensors seen from `name` + ".".
  Weights under(std::string_view name) const;
  // The same tensors, copied to another type.
  Weights as(at::ScalarType dtype) const;
  // For networks that may multiply fp32 numbers as TF32 (10 bits of mantissa, summed in fp32) on a GPU.
  Weights with_tf32() const;
  bool tf32() const { return tf32_; }

  // Whether the checkpoint has the tensor; always true over a Maker.
  bool has(std::string_view name) const;
  // The tensor, copied to the device and dtype. Throws Error (bad_file) if it is not there, is no real floating-point
  // tensor, or has another shape than expected (-1 fits any size).
  at::Tensor get(std::string_view name, std::initializer_list<std::int64_t> shape) const;
  // The size of dimension `dim` of a checkpoint's tensor that must have `rank` dimensions.
  std::int64_t size(std::string_view name, int rank, int dim) const;

  std::string full_name(std::string_view name) const { return prefix_ + std::string(name); }
  at::Device device() const { return device_; }

 private:
  const TensorInfo& info(std::string_view name) const;

  std::optional<Checkpoint> checkpoint_;
  Maker maker_;
  at::Device device_ = at::kCPU;
  at::ScalarType dtype_ = at::kFloat;
  bool mapped_ = false;
  bool converts_ = false;  // what the maker makes
  bool tf32_ = false;
  std::string prefix_;
};

// Bytes of a checkpoint tensor as an ATen view that owns nothing: keep the checkpoint alive. Unaligned tensors and
// types that ATen lacks are refused (Error, unsupported).
at::Tensor view(const TensorInfo& tensor);

}  // namespace kandinsky
