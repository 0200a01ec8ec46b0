#pragma once
#include <ATen/core/Tensor.h>

#include <vector>

namespace kandinsky::testing {

// The largest absolute difference; infinity for different shapes or a NaN.
double max_difference(const at::Tensor& a, const at::Tensor& b);
double max_difference(const std::vector<float>& a, const std::vector<float>& b);

}  // namespace kandinsky::testing
