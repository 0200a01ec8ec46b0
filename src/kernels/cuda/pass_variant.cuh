#pragma once
#include <cstddef>

#include "kernels/cuda/decoder_step.h"

namespace kandinsky::cuda {

// Of the kernel of a pass.
struct PassArguments {
  Model model;
  Buffers buffers;
  Plan plan;
  int want_logits;
  int texts;  // whether the rows are of texts, not of images
  int query_key_value_splits;
};

// Shared memory of a block that makes norms: the vectors of two of them (a product's bias, and weight and bias of two
// norms), and those of the norm before the logits.
constexpr int norm_vectors = 5;
constexpr std::size_t norm_room_bytes(int hidden) { return sizeof(float) * (2 * norm_vectors + 2) * hidden; }

// Whether there are as many blocks that make norms as rows.
constexpr bool norms_apart(int rows) { return rows <= 8; }

struct PassVariant {
  void (*kernel)(PassArguments);
  int threads;
  std::size_t scratch;  // bytes of dynamic shared memory besides the rings
  std::size_t state;    // bytes of static shared memory
};

// The kernel of NT * 8 rows. Each NT is compiled in a file of its own: they take their time.
template <int NT>
PassVariant pass_variant(Number number, int head_size);

}  // namespace kandinsky::cuda
