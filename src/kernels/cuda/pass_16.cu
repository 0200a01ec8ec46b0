#include "kernels/cuda/pass.cuh"

namespace kandinsky::cuda {

template PassVariant pass_variant<2>(Number, int);

}  // namespace kandinsky::cuda
