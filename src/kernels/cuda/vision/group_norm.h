#pragma once
// GroupNorm and swish of pictures whose channels lie together, which LibTorch would first transpose. Plain functions,
// so that host code needs no CUDA header.
#include <cstddef>

namespace kandinsky::cuda {

constexpr int norm_groups = 32;

struct GroupNormShape {
  int pictures;
  int pixels;    // of a picture
  int channels;  // 128, 256 ... 1024: a group is whole vectors of four
  bool fits() const { return channels >= 128 && channels <= 1024 && channels % 128 == 0; }
};

// Floats of device memory that a call needs besides its operands.
std::size_t group_norm_scratch(const GroupNormShape& shape);

// y = (x - mean) / sqrt(variance + epsilon) * weight + bias over each picture's group, then times its sigmoid if
// `swish`. x and y are [pictures][pixels][channels]; they may be one. A picture's numbers do not depend on how many
// there are. Throws kandinsky::Error (internal).
void group_norm(const float* x, float* y, const GroupNormShape& shape, const float* weight, const float* bias,
                float epsilon, bool swish, float* scratch, void* stream);

}  // namespace kandinsky::cuda
