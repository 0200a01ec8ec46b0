#pragma once
// What joins the convolutions of a residual dense block (Wang et al. 2018) in half precision, channels last. Plain
// functions, so that host code needs no CUDA header.
#include <cstddef>

namespace kandinsky::cuda {

constexpr int most_addends = 5;

// Channels first .. first + channels - 1 of [pixels][pitch] halves.
struct Addend {
  const void* data;
  int pitch;  // all three are multiples of 8
  int first;
};

struct Combination {
  Addend addends[most_addends];
  int count;
  const float* bias;  // [channels]
  bool leaky;         // leaky ReLU of slope 0.2
  // y = outer + 0.2 (inner + 0.2 sum); nullptr: left out, with its factor.
  const void* inner;
  const void* outer;
};

// y [pixels][channels] = what `of` says of the sum of its addends and bias, in fp32, rounded once.
// Throws kandinsky::Error (internal).
void combine(const Combination& of, void* y, std::size_t pixels, int channels, void* stream);

}  // namespace kandinsky::cuda
