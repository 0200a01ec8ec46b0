#include "kernels/cpu/decoder_kernels.h"

#include <array>
#include <cstring>

#include "kernels/cpu/processor.h"

namespace kandinsky::cpu {

namespace plain {
extern const Kernels kernels;
}
#if defined(__x86_64__)
namespace avx2 {
extern const Kernels kernels;
}
namespace avx512 {
extern const Kernels kernels;
}
namespace avx512bf16 {
extern const Kernels kernels;
}
#endif

std::span<const Kernels* const> available_kernels() {
  static const auto found = [] {
    std::array<const Kernels*, 4> list{};
    std::size_t count = 0;
#if defined(__x86_64__)
    if (has_avx512bf16()) list[count++] = &avx512bf16::kernels;
    if (has_avx512()) list[count++] = &avx512::kernels;
    if (has_avx2()) list[count++] = &avx2::kernels;
#endif
    list[count++] = &plain::kernels;
    return std::pair(list, count);
  }();
  return {found.first.data(), found.second};
}

void to_bf16_pairs(const float* in, int count, std::uint32_t* out) {
  const auto rounded = [in](int i) -> std::uint32_t {
    std::uint32_t bits;
    std::memcpy(&bits, in + i, sizeof bits);
    return (bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16;
  };
  for (int i = 0; i + 1 < count; i += 2) out[i / 2] = rounded(i) | rounded(i + 1) << 16;
  if (count % 2 != 0) out[count / 2] = rounded(count - 1);
}

}  // namespace kandinsky::cpu
