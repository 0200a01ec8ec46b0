#pragma once
#include <cuda_runtime.h>

#include "kandinsky/error.h"

namespace kandinsky::cuda {

// Throws Error for a CUDA call that failed: out_of_memory, or internal with the runtime's own words.
inline void check_cuda(cudaError_t status, const char* what) {
  if (status == cudaSuccess) return;
  cudaGetLastError();
  throw Error(status == cudaErrorMemoryAllocation ? ErrorCode::out_of_memory : ErrorCode::internal, what,
              cudaGetErrorString(status));
}

}  // namespace kandinsky::cuda
