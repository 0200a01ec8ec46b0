#include "kernels/cpu/packed_matrix.h"

#include <gtest/gtest.h>

#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <vector>

#include "kandinsky/error.h"

namespace kandinsky::cpu {
namespace {

// Every 16-bit pattern against c10's conversions, in both directions.
TEST(PackedMatrixTest, ConvertsHalvesExactly) {
  for (const bool brain : {false, true}) {
    std::vector<std::uint16_t> bits(65536);
    for (std::size_t i = 0; i < bits.size(); ++i) bits[i] = static_cast<std::uint16_t>(i);
    std::vector<float> found(65536);
    to_floats(reinterpret_cast<const std::byte*>(bits.data()), brain ? DType::bfloat16 : DType::float16, 65536,
              found.data());
    for (std::size_t i = 0; i < bits.size(); ++i) {
      const float expected = brain ? float(c10::BFloat16(bits[i], c10::BFloat16::from_bits()))
                                   : float(c10::Half(bits[i], c10::Half::from_bits()));
      if (std::isnan(expected))
        EXPECT_TRUE(std::isnan(found[i]));
      else
        ASSERT_EQ(std::bit_cast<std::uint32_t>(found[i]), std::bit_cast<std::uint32_t>(expected)) << i;
    }
    // And rounding of values between them, read back from the panel.
    std::vector<float> between;
    for (std::size_t i = 0; i < 65536; i += 3)
      if (std::isfinite(found[i])) between.insert(between.end(), {found[i] * 1.0003f, found[i] * 0.9996f, found[i]});
    between.insert(between.end(), {65519.9f, 65520.0f, -1e9f, 1e-9f, 3e-8f});
    const int count = static_cast<int>(between.size());
    const PackedMatrix matrix(reinterpret_cast<const std::byte*>(between.data()), DType::float32, 1, count, {},
                              brain ? WeightFormat::bf16 : WeightFormat::fp16);
    const auto* panel = static_cast<const std::uint16_t*>(matrix.matmul().weights);
    for (int k = 0; k < count; ++k) {
      const std::uint16_t expected = brain ? c10::BFloat16(between[k]).x : c10::Half(between[k]).x;
      ASSERT_EQ(panel[k * lanes], expected) << between[k];
    }
  }
}

TEST(PackedMatrixTest, RefusesWholeNumbers) {
  const std::vector<std::int32_t> ints(16);
  EXPECT_THROW(
      PackedMatrix(reinterpret_cast<const std::byte*>(ints.data()), DType::int32, 4, 4, {}, WeightFormat::fp32), Error);
}

}  // namespace
}  // namespace kandinsky::cpu
