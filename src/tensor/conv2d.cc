#include "tensor/conv2d.h"

#include <ATen/core/List.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/_convolution.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/leaky_relu.h>

#include <optional>
#include <string>
#include <string_view>

namespace kandinsky {
namespace {

constexpr double slope = 0.2;

// LibTorch's oneDNN operations for networks that are run often; they have no C++ header.
at::Tensor reorder(const at::Tensor& weight, int padding, int stride) {
  static const auto operation = c10::Dispatcher::singleton()
                                    .findSchemaOrThrow("mkldnn::_reorder_convolution_weight", "")
                                    .typed<at::Tensor(const at::Tensor&, at::IntArrayRef, at::IntArrayRef,
                                                      at::IntArrayRef, std::int64_t, at::OptionalIntArrayRef)>();
  const std::int64_t paddings[] = {padding, padding}, strides[] = {stride, stride}, ones[] = {1, 1};
  return operation.call(weight, paddings, strides, ones, 1, std::nullopt);
}

at::Tensor convolve(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, int padding, int stride,
                    std::string_view activation, const c10::List<std::optional<at::Scalar>>& scalars) {
  static const auto operation =
      c10::Dispatcher::singleton()
          .findSchemaOrThrow("mkldnn::_convolution_pointwise", "")
          .typed<at::Tensor(const at::Tensor&, const at::Tensor&, const std::optional<at::Tensor>&, at::IntArrayRef,
                            at::IntArrayRef, at::IntArrayRef, std::int64_t, std::string_view,
                            c10::List<std::optional<at::Scalar>>, std::optional<std::string_view>)>();
  const std::int64_t paddings[] = {padding, padding}, strides[] = {stride, stride}, ones[] = {1, 1};
  return operation.call(x, weight, bias, paddings, strides, ones, 1, activation, scalars, std::nullopt);
}

bool have_onednn() {
  static const bool have =
      c10::Dispatcher::singleton().findSchema({"mkldnn::_reorder_convolution_weight", ""}).has_value() &&
      c10::Dispatcher::singleton().findSchema({"mkldnn::_convolution_pointwise", ""}).has_value();
  return have;
}

}  // namespace

Conv2d Conv2d::load(const Weights& weights, std::string_view name, std::int64_t in, std::int64_t out, int kernel,
                    int padding, int stride) {
  const Weights part = weights.under(name);
  Conv2d conv;
  conv.weight_ = part.get("weight", {out, in, kernel, kernel});
  conv.in_ = conv.weight_.size(1);
  conv.out_ = conv.weight_.size(0);
  conv.bias_ = part.get("bias", {conv.out_});
  conv.kernel_ = kernel;
  conv.padding_ = padding;
  conv.stride_ = stride;
  if (conv.weight_.is_cpu() && conv.weight_.scalar_type() == at::kFloat && have_onednn()) {
    conv.weight_ = reorder(conv.weight_, padding, stride);
    conv.packed_ = true;
  } else if (conv.weight_.is_cuda()) {
    conv.tf32_ = weights.tf32();
    conv.channels_last_ = conv.tf32_ || conv.weight_.scalar_type() != at::kFloat;
    if (conv.channels_last_) conv.weight_ = conv.weight_.contiguous(at::MemoryFormat::ChannelsLast);
  }
  return conv;
}

at::Tensor Conv2d::operator()(const at::Tensor& x, Activation activation) const {
  const bool leaky = activation == Activation::leaky_relu;
  if (packed_) {
    c10::List<std::optional<at::Scalar>> scalars;
    if (leaky) scalars.push_back(at::Scalar(slope));
    return convolve(x, weight_, bias_, padding_, stride_, leaky ? "leaky_relu" : "none", scalars);
  }
  if (!weight_.is_cuda()) {
    const at::Tensor y = at::conv2d(x, weight_, bias_, stride_, padding_);
    return leaky ? at::leaky_relu(y, slope) : y;
  }
  // What at::conv2d does, with settings of our own instead of the process's.
  const auto format = channels_last_ ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous;
  at::Tensor y =
      at::_convolution(x.contiguous(format), weight_, bias_, {stride_, stride_}, {padding_, padding_}, {1, 1},
                       /*transposed=*/false, {0, 0}, /*groups=*/1, /*benchmark=*/false, /*deterministic=*/true,
                       /*cudnn_enabled=*/true, tf32_);
  return leaky ? at::leaky_relu_(y, slope) : y;
}

}  // namespace kandinsky
