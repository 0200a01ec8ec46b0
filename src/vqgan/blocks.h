#pragma once
#include <ATen/core/Tensor.h>

#include <optional>

#include "tensor/conv2d.h"

// The parts of taming-transformers' encoder and decoder (Esser et al. 2021), under their checkpoint names.
namespace kandinsky::vqgan {

// GroupNorm of 32 groups, eps 1e-6, then x sigmoid(x) if asked for.
struct GroupNorm {
  at::Tensor weight, bias;
  static GroupNorm load(const Weights& weights, std::string_view name, std::int64_t channels);
  at::Tensor operator()(const at::Tensor& x, bool swish) const;
};

struct ResidualBlock {
  GroupNorm norm1, norm2;
  Conv2d conv1, conv2;
  std::optional<Conv2d> shortcut;  // where the number of channels changes
  static ResidualBlock load(const Weights& weights, std::int64_t in, std::int64_t out);
  at::Tensor operator()(const at::Tensor& x) const;
};

// One head over all pixels.
struct AttentionBlock {
  GroupNorm norm;
  Conv2d query, key, value, projection;
  static AttentionBlock load(const Weights& weights, std::int64_t channels);
  at::Tensor operator()(const at::Tensor& x) const;
};

struct Middle {
  ResidualBlock first;
  AttentionBlock attention;
  ResidualBlock second;
  static Middle load(const Weights& weights, std::int64_t channels);
  at::Tensor operator()(const at::Tensor& x) const;
};

}  // namespace kandinsky::vqgan
