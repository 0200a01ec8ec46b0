#pragma once
#include <cstddef>

#include "kernels/cuda/decoder_step.h"

namespace kandinsky::cuda {

// Of the kernel of a pass.
struct PassArguments {
  Model model;
  Buffers buffers;
  int rows;
  int stages;
  int ahead;
  int activation_stages;
  int want_logits;
};

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
