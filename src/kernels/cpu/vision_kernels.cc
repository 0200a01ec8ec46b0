#include "kernels/cpu/vision_kernels.h"

#include <array>
#include <utility>

#include "kernels/cpu/processor.h"

namespace kandinsky::cpu {

namespace plain {
extern const VisionKernels vision_kernels;
}
#if defined(__x86_64__)
namespace avx2 {
extern const VisionKernels vision_kernels;
}
namespace avx512 {
extern const VisionKernels vision_kernels;
}
#endif

std::span<const VisionKernels* const> available_vision_kernels() {
  static const auto found = [] {
    std::array<const VisionKernels*, 3> list{};
    std::size_t count = 0;
#if defined(__x86_64__)
    if (has_avx512()) list[count++] = &avx512::vision_kernels;
    if (has_avx2()) list[count++] = &avx2::vision_kernels;
#endif
    list[count++] = &plain::vision_kernels;
    return std::pair(list, count);
  }();
  return {found.first.data(), found.second};
}

std::size_t winograd_scratch(int inputs, int tiles) {
  // A row of zeros, the transformed inputs and the products of two panels, each of the latter two with a gap
  // of 16 between the points so that they do not fall on the same cache lines.
  const std::size_t n = inputs, t = tiles;
  return n + winograd_points * (t * n + 16) + winograd_points * (t * 32 + 16);
}

float* Features::at(int n, int y, int x) const { return data + n * picture + y * row + x * pixel; }

Features Features::channels(int first) const {
  Features part = *this;
  part.data += first;
  return part;
}

Features Features::pictures_from(int first, int count) const {
  Features part = *this;
  part.data += first * picture;
  part.pictures = count;
  return part;
}

Features Features::cropped(int left, int top, int right, int bottom) const {
  Features part = *this;
  part.data += top * row + left * pixel;
  part.height -= top + bottom;
  part.width -= left + right;
  return part;
}

}  // namespace kandinsky::cpu
