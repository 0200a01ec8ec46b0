#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

#include "kandinsky/dtype.h"
#include "kernels/cpu/aligned_buffer.h"
#include "kernels/cpu/decoder_kernels.h"

namespace kandinsky::cpu {

// A matrix [outputs, inputs] with its bias in the order the kernels read it: panels of 16 outputs, input after input.
class PackedMatrix {
 public:
  PackedMatrix() = default;
  // `weights`: outputs x inputs elements, row-major, of float32, float16, bfloat16 or float64. `bias`: outputs floats,
  // or empty for zeros.
  PackedMatrix(const std::byte* weights, DType dtype, int outputs, int inputs, std::span<const float> bias,
               WeightFormat format);

  int outputs() const { return outputs_; }
  int inputs() const { return inputs_; }
  int panels() const { return static_cast<int>(padded(outputs_)) / lanes; }
  WeightFormat format() const { return format_; }
  std::size_t bytes() const { return data_.size() + bias_.size() * sizeof(float); }

  // The part of a Matmul that says what is multiplied; rows, x, y and panels are the caller's.
  Matmul matmul(Activation activation = Activation::none) const;

 private:
  int outputs_ = 0;
  int inputs_ = 0;
  WeightFormat format_ = WeightFormat::fp32;
  AlignedBuffer<std::byte> data_;
  AlignedBuffer<float> bias_;
};

// `count` elements of a checkpoint as floats. Throws Error (unsupported) for other types than those above.
void to_floats(const std::byte* in, DType dtype, std::size_t count, float* out);

}  // namespace kandinsky::cpu
