#pragma once
// The arithmetic of the convolutional networks on the CPU, compiled for several processors.
//
// Features lie channels-last, the number of channels padded to whole vectors of 16 with zeros. Every number
// is computed by the same operations in the same order however the work is cut, so the answer does not depend
// on threads.
#include <cstddef>
#include <span>

namespace kandinsky::cpu {

// [pictures][height][width][channels] of floats, or a part of it: strides are in floats, `pixel` is a
// multiple of 16.
struct Features {
  float* data = nullptr;
  int pictures = 0;
  int height = 0;
  int width = 0;
  std::size_t pixel = 0;
  std::size_t row = 0;
  std::size_t picture = 0;

  float* at(int n, int y, int x) const;
  // The channels from `first` on.
  Features channels(int first) const;
  Features pictures_from(int first, int count) const;
  // Without so many pixels at the borders.
  Features cropped(int left, int top, int right, int bottom) const;
};

// Winograd's F(4x4, 3x3): tiles of 4 x 4 outputs from 6 x 6 inputs through 36 products instead of 144.
// Interpolated at 0, +-5/8, +-3/2 and infinity: errors in fp32 are within twice those of the plain sum, where
// +-1, +-2 give fourfold.
constexpr int winograd_points = 36;
constexpr int winograd_tile = 4;

// y = (leaky(conv(x) + bias) * scale + add) * scale2 + add2, 3x3, padded by one zero.
struct Convolution {
  // The channels of the first, then of the second; of one size.
  Features x, x2;
  int channels = 0;                // of x, padded
  int channels2 = 0;               // of x2, padded; 0 without
  bool doubled = false;            // x is seen through nearest-neighbour upsampling, twice as large
  const float* weights = nullptr;  // [outputs / 16][36][inputs][16]
  const float* bias = nullptr;     // [outputs]
  int outputs = 0;                 // padded
  float slope = 1;                 // of negative values
  float scale = 1;
  const Features* add = nullptr;
  float scale2 = 1;
  const Features* add2 = nullptr;
  Features y;  // may be where add or add2 is, not where x is
};
// Floats of scratch that `tiles` tiles take.
std::size_t winograd_scratch(int inputs, int tiles);

// y = x weights * scale + bias + add.
struct Product {
  const float* x;  // [rows][x_stride]
  std::size_t x_stride;
  int rows;
  int inner;
  const float* weights;  // [panels][inner][16]
  int panels;
  float scale;
  const float* bias;  // [panels * 16], or nullptr
  const float* add;   // [rows][add_stride], or nullptr
  std::size_t add_stride;
  float* y;  // [rows][y_stride]; may be where add is
  std::size_t y_stride;
};

struct VisionKernels {
  const char* name;  // "avx512", "avx2", "plain"
  // Tiles first..first+count-1 of all pictures in raster order, 4 x 4 outputs each.
  void (*convolve)(const Convolution&, int first, int count, float* scratch);
  void (*product)(const Product&);
  // sums[c] = sum of (x - shift[c]), squares[c] = sum of (x - shift[c])^2 over `count` pixels.
  void (*moments)(const float* x, std::size_t pixel, int count, int channels, const float* shift, float* sums,
                  float* squares);
  // y = x * scale[c] + offset[c], then y sigmoid(y) if `swish`; y may be x.
  void (*normalize)(const float* x, std::size_t pixel, int count, int channels, const float* scale, const float* offset,
                    bool swish, float* y, std::size_t y_pixel);
  // In place, over the first `count` of a row; up to whole vectors of 16 are overwritten.
  void (*softmax)(float* row, int count);
};

// Those that this processor can run, best first; "plain" is always the last.
std::span<const VisionKernels* const> available_vision_kernels();
// Whether there is better than plain, which is no match for LibTorch.
inline bool has_vision_kernels() { return available_vision_kernels().size() > 1; }

}  // namespace kandinsky::cpu
