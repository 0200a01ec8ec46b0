#include "tensor/torch_error.h"

#include <c10/util/Exception.h>
#include <gtest/gtest.h>

#include <functional>
#include <new>
#include <stdexcept>

#include "kandinsky/error.h"

namespace kandinsky {
namespace {

Error thrown_by(const std::function<void()>& body) {
  try {
    guarded("decoding", body);
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "nothing was thrown";
  return {ErrorCode::internal, "", ""};
}

// As LibTorch, cuBLAS and cuDNN word it, for host and device. Only the caching allocator has a type for it.
TEST(TorchError, KnowsExhaustedMemory) {
  for (const char* words :
       {"CUDA error: out of memory", "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "cuDNN error: CUDNN_STATUS_ALLOC_FAILED", "DefaultCPUAllocator: can't allocate memory: you tried to allocate",
        "DefaultCPUAllocator: not enough memory: you tried to allocate"}) {
    const Error error = thrown_by([&] { TORCH_CHECK(false, words, "\nmore of it\n"); });
    EXPECT_EQ(error.code(), ErrorCode::out_of_memory) << words;
    EXPECT_EQ(std::string(error.what()), std::string("decoding: ") + words);
  }
  EXPECT_EQ(thrown_by([] { TORCH_CHECK_WITH(OutOfMemoryError, false, "CUDA out of memory. Tried"); }).code(),
            ErrorCode::out_of_memory);
  EXPECT_EQ(thrown_by([] { throw std::bad_alloc(); }).code(), ErrorCode::out_of_memory);
}

TEST(TorchError, IsInternalOtherwise) {
  const Error error = thrown_by([] { TORCH_CHECK(false, "CUDA error: an illegal memory access was encountered"); });
  EXPECT_EQ(error.code(), ErrorCode::internal);
  EXPECT_EQ(error.subject(), "decoding");
  EXPECT_EQ(thrown_by([] { throw std::runtime_error("odd"); }).code(), ErrorCode::internal);
}

TEST(TorchError, LeavesOurs) {
  const Error error = thrown_by([] { throw Error(ErrorCode::bad_file, "model.bin", "is cut short"); });
  EXPECT_EQ(error.code(), ErrorCode::bad_file);
  EXPECT_STREQ(error.what(), "model.bin: is cut short");
}

}  // namespace
}  // namespace kandinsky
