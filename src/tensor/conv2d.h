#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string_view>

#include "tensor/weights.h"

namespace kandinsky {

// A 2d convolution with bias, and the activation that follows it. On the CPU the weights are put into oneDNN's own
// order once and the activation is computed with the convolution; on a GPU channels go last where tensor cores multiply
// (half precision, or fp32 as TF32 if the weights allow it).
class Conv2d {
 public:
  enum class Activation { none, leaky_relu };  // slope 0.2

  Conv2d() = default;
  // NAME.weight [out, in, kernel, kernel] and NAME.bias [out]; -1 for out or in takes what the file has.
  static Conv2d load(const Weights& weights, std::string_view name, std::int64_t in, std::int64_t out, int kernel,
                     int padding, int stride = 1);

  // [n, in, h, w] to [n, out, h', w'].
  at::Tensor operator()(const at::Tensor& x, Activation activation = Activation::none) const;

  // [out, in, kernel, kernel] and [out]; on the CPU the weight may be in oneDNN's own order.
  const at::Tensor& weight() const { return weight_; }
  const at::Tensor& bias() const { return bias_; }
  at::ScalarType scalar_type() const { return weight_.scalar_type(); }
  std::int64_t in() const { return in_; }
  std::int64_t out() const { return out_; }
  std::int64_t parameter_count() const { return out_ * in_ * kernel_ * kernel_ + out_; }

 private:
  at::Tensor weight_;
  at::Tensor bias_;
  bool packed_ = false;
  bool tf32_ = false;
  bool channels_last_ = false;
  std::int64_t in_ = 0;
  std::int64_t out_ = 0;
  int kernel_ = 1;
  int padding_ = 0;
  int stride_ = 1;
};

}  // namespace kandinsky
