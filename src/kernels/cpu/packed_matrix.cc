#include "kernels/cpu/packed_matrix.h"

#include <cmath>
#include <cstring>
#include <vector>

#include "core/fail.h"

namespace kandinsky::cpu {
namespace {

float from_bits(std::uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

float half_to_float(std::uint16_t half) {
  const std::uint32_t sign = std::uint32_t{half & 0x8000u} << 16;
  const std::uint32_t magnitude = half & 0x7FFFu;
  if (magnitude >= 0x7C00u) return from_bits(sign | 0x7F800000u | (magnitude & 0x3FFu) << 13);
  const float value = from_bits(magnitude << 13) * 0x1p112f;  // right for subnormal halves too
  return sign != 0 ? -value : value;
}

// Round to nearest even; what is too large becomes infinity.
std::uint16_t float_to_half(float value) {
  std::uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  const auto sign = static_cast<std::uint16_t>((bits >> 16) & 0x8000u);
  bits &= 0x7FFFFFFFu;
  if (bits > 0x7F800000u) return sign | 0x7E00u;
  if (bits >= 0x477FF000u) return sign | 0x7C00u;
  if (bits < 0x38800000u) {
    const float scaled = std::nearbyint(from_bits(bits) * 0x1p24f);
    return static_cast<std::uint16_t>(sign | static_cast<std::uint16_t>(scaled));
  }
  bits += 0xFFFu + ((bits >> 13) & 1u);
  return static_cast<std::uint16_t>(sign | ((bits - 0x38000000u) >> 13));
}

std::uint16_t float_to_bfloat(float value) {
  std::uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  if ((bits & 0x7FFFFFFFu) > 0x7F800000u) return static_cast<std::uint16_t>((bits >> 16) | 0x40u);
  return static_cast<std::uint16_t>((bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16);
}

template <typename T>
T load_as(const std::byte* p) {
  T value;
  std::memcpy(&value, p, sizeof value);
  return value;
}

// Puts element k of output o where the kernels look for it.
template <typename T, typename Convert>
void place(const std::vector<float>& row, int o, int inputs, std::byte* data, Convert convert) {
  T* panel = reinterpret_cast<T*>(data) + std::size_t(o / lanes) * inputs * lanes + o % lanes;
  for (int k = 0; k < inputs; ++k) panel[std::size_t(k) * lanes] = convert(row[k]);
}

}  // namespace

void to_floats(const std::byte* in, DType dtype, std::size_t count, float* out) {
  switch (dtype) {
    case DType::float32:
      std::memcpy(out, in, count * sizeof(float));
      return;
    case DType::float16:
      for (std::size_t i = 0; i < count; ++i) out[i] = half_to_float(load_as<std::uint16_t>(in + 2 * i));
      return;
    case DType::bfloat16:
      for (std::size_t i = 0; i < count; ++i)
        out[i] = from_bits(std::uint32_t{load_as<std::uint16_t>(in + 2 * i)} << 16);
      return;
    case DType::float64:
      for (std::size_t i = 0; i < count; ++i) out[i] = static_cast<float>(load_as<double>(in + 8 * i));
      return;
    default:
      fail(ErrorCode::unsupported, std::string(dtype_name(dtype)), "weights must be floating-point numbers");
  }
}

PackedMatrix::PackedMatrix(const std::byte* weights, DType dtype, int outputs, int inputs, std::span<const float> bias,
                           WeightFormat format)
    : outputs_(outputs), inputs_(inputs), format_(format), bias_(padded(outputs)) {
  const std::size_t width = format == WeightFormat::fp32 ? 4 : 2;
  const std::size_t depth = format == WeightFormat::bf16_pairs ? (std::size_t(inputs) + 1) / 2 * 2 : inputs;
  data_ = AlignedBuffer<std::byte>(padded(outputs) * depth * width);
  if (!bias.empty()) std::memcpy(bias_.data(), bias.data(), outputs * sizeof(float));
  std::vector<float> row(inputs);
  for (int o = 0; o < outputs; ++o) {
    to_floats(weights + std::size_t(o) * inputs * element_size(dtype), dtype, inputs, row.data());
    switch (format) {
      case WeightFormat::fp32:
        place<float>(row, o, inputs, data_.data(), [](float x) { return x; });
        break;
      case WeightFormat::fp16:
        place<std::uint16_t>(row, o, inputs, data_.data(), float_to_half);
        break;
      case WeightFormat::bf16:
        place<std::uint16_t>(row, o, inputs, data_.data(), float_to_bfloat);
        break;
      case WeightFormat::bf16_pairs: {
        auto* panel = reinterpret_cast<std::uint16_t*>(data_.data()) + std::size_t(o / lanes) * depth * lanes;
        for (int k = 0; k < inputs; ++k)
          panel[(std::size_t(k / 2) * lanes + o % lanes) * 2 + k % 2] = float_to_bfloat(row[k]);
        break;
      }
    }
  }
}

Matmul PackedMatrix::matmul(Activation activation) const {
  Matmul m{};
  m.weights = data_.data();
  m.bias = bias_.data();
  m.format = format_;
  m.activation = activation;
  m.inputs = inputs_;
  return m;
}

}  // namespace kandinsky::cpu
