#pragma once
// The arithmetic of one step of the token loop on the CPU, compiled for several processors.
//
// Every number of a row of the result is computed by the same operations in the same order whatever the number of rows
// in the call and however the work is cut, so that an image does not depend on batch or threads.
#include <cstddef>
#include <cstdint>
#include <span>

namespace kandinsky::cpu {

constexpr int lanes = 16;  // outputs of a panel, and the padding of rows

constexpr std::size_t padded(std::size_t n) { return (n + lanes - 1) / lanes * lanes; }

enum class WeightFormat {
  fp32,
  fp16,        // widened to fp32: exact products of fp16 weights and fp32 activations
  bf16,        // likewise
  bf16_pairs,  // activations are rounded to bf16 too: the processor's dot products of pairs
};

enum class Activation { none, gelu };

// y[row][o] = activation(bias[o] + sum over k of weights[o][k] x[row][k]) for the outputs of panels first..last-1.
struct Matmul {
  const void* weights;  // [panels][inputs][16], or [panels][inputs / 2][16][2] for pairs
  const float* bias;    // [panels * 16]
  WeightFormat format;
  Activation activation;
  int inputs;
  int rows;
  const float* x;  // [rows][x_stride]; for pairs uint32 [rows][x_stride], two bf16 each
  std::size_t x_stride;
  float* y;  // [rows][y_stride], y_stride at least panels * 16
  std::size_t y_stride;
  int first_panel;
  int last_panel;
};

struct Segment {
  int start;
  int count;
};

// One head of one query over text keys 0..text_count-1 and the image keys of `segments`.
struct Attention {
  const float* query;  // [head_size], already divided by sqrt(head_size)
  int head_size;
  const float* text_keys;  // [head_size][text_stride], transposed
  std::size_t text_stride;
  const float* text_values;  // [text_count][value_stride]
  int text_count;
  const float* image_keys;  // [head_size][image_stride], transposed
  std::size_t image_stride;
  const float* image_values;  // [keys][value_stride]
  const Segment* segments;
  int segment_count;
  std::size_t value_stride;  // padded(head_size)
  float* scores;             // scratch: padded counts, summed
  float* out;                // [value_stride]
};
// Keys are read in whole vectors: rows of transposed keys must be readable `lanes` floats past their last key.

// x += sandwich ? norm(clamp(t)) : clamp(t), then h = norm(x): what stands between two matrix products.
struct ResidualNorm {
  int count;
  float* x;
  const float* t;                // nullptr: leave x as it is
  bool clamp;                    // t to +-65504
  const float* sandwich_weight;  // nullptr without sandwich
  const float* sandwich_bias;
  const float* norm_weight;  // nullptr: no h
  const float* norm_bias;
  float* h;
  float* scratch;  // [count]
};

struct Kernels {
  const char* name;  // "avx512bf16", "avx512", "avx2", "plain"
  void (*matmul)(const Matmul&);
  void (*attention)(const Attention&);
  void (*residual_norm)(const ResidualNorm&);
};

// Those that this processor can run, best first; "plain" is always the last.
std::span<const Kernels* const> available_kernels();
inline const Kernels& best_kernels() { return *available_kernels().front(); }

// count floats to bf16 pairs (round to nearest even), an odd last one paired with 0.
void to_bf16_pairs(const float* in, int count, std::uint32_t* out);

}  // namespace kandinsky::cpu
