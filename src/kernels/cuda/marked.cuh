#pragma once
// How activations go from block to block within a pass: as plain numbers, whose place has all bits set until they are
// written. No conversion to 16 bits gives that NaN, so who finds anything else has the number, one trip to the
// second-level cache after it was written, without fence or barrier, and in no more bytes than it has.
//
// Such numbers are written in turn at marked_turns places. Who writes them marks the place of the turn before, which
// all have read by then (what is being written depends on it, through a product or more), as unwritten. A turn later
// its fence says that this is done, before it writes again. (A tile of `up` may be another block's by then: of few
// rows, this counts on a mark taking no longer than a layer.) So a block may look for a turn's numbers once it knows
// those of the turn before to be complete, and it does if it has received for one of the two products before: what it
// received was made of them. Else it asks which norm is the newest.
#include <cstdint>

#include "kernels/cuda/decoder_step.h"
#include "kernels/cuda/device_math.cuh"

namespace kandinsky::cuda {

constexpr std::uint32_t unwritten = 0xFFFFFFFF;  // a pair of numbers

// To an even place, the second to a multiple of four.
__device__ __forceinline__ void store_marked(void* to, std::uint32_t pair) {
  asm volatile("st.relaxed.gpu.global.b32 [%0], %1;" ::"l"(to), "r"(pair) : "memory");
}
__device__ __forceinline__ void store_marked(void* to, const uint2& pairs) {
  asm volatile("st.relaxed.gpu.global.v2.b32 [%0], {%1, %2};" ::"l"(to), "r"(pairs.x), "r"(pairs.y) : "memory");
}
__device__ __forceinline__ std::uint32_t load_marked(const void* from) {
  std::uint32_t pair;
  asm volatile("ld.relaxed.gpu.global.b32 %0, [%1];" : "=r"(pair) : "l"(from) : "memory");
  return pair;
}
__device__ __forceinline__ void marks_fence() { asm volatile("fence.acq_rel.gpu;" ::: "memory"); }

// Products from one that a block has a part in to the next, at most, if it need not ask for the newest norm.
constexpr int products_apart = 2;
// That of a pass's first row, told by a thread that makes it.
__device__ __forceinline__ void tell_norm(Meeting& meeting, std::uint32_t stamp) {
  store_marked(&meeting.norm.value, stamp);
}
__device__ __forceinline__ void wait_norm(const Meeting& meeting, std::uint32_t stamp) {
  while (load_marked(&meeting.norm.value) < stamp) {
  }
}

// Where a turn's numbers are, of 16 bits each, `width` of each row.
class MarkedTurn {
 public:
  __device__ __forceinline__ MarkedTurn(void* numbers, int rows, int width, std::uint32_t turn)
      : numbers_(static_cast<std::uint16_t*>(numbers)),
        size_(unsigned(rows) * round_up(width, k_chunk)),
        turn_(turn % marked_turns) {}
  __device__ __forceinline__ std::uint16_t* now() const { return numbers_ + turn_ * size_; }
  __device__ __forceinline__ std::uint16_t* before() const {
    return numbers_ + (turn_ == 0 ? marked_turns - 1 : turn_ - 1) * size_;
  }

 private:
  std::uint16_t* numbers_;
  unsigned size_, turn_;
};

// Where number k of a row stands among them.
template <int NT>
__device__ __forceinline__ unsigned marked_place(int k, int row, int width) {
  return receives_rows(NT * 8) ? unsigned(row) * width + k : unsigned(activation_offset(k, row, NT));
}

__device__ __forceinline__ std::uint32_t largest(const uint4& v) { return max(max(v.x, v.y), max(v.z, v.w)); }

// By a warp. Waits for N times eight numbers: those wanted(i), which lie at from(i), a multiple of 16 bytes. The others
// are anything, read from `idle`, any such place: with a condition for each read, reads go out a few at a time.
template <int N, typename Wanted, typename From>
__device__ __forceinline__ void receive_marked(uint4 (&numbers)[N], const Wanted& wanted, const From& from,
                                               const void* idle) {
  const auto load = [](uint4& v, const void* p) {
    asm volatile("ld.relaxed.gpu.global.v4.b32 {%0, %1, %2, %3}, [%4];"
                 : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
                 : "l"(p)
                 : "memory");
  };
  const auto missing = [&](int i) { return wanted(i) && largest(numbers[i]) == unwritten; };
#pragma unroll
  for (int i = 0; i < N; ++i) load(numbers[i], wanted(i) ? from(i) : idle);
  for (bool complete = false; !complete;) {
    complete = true;
#pragma unroll
    for (int i = 0; i < N; ++i) complete = complete && !missing(i);
    if (complete) break;
#pragma unroll
    for (int i = 0; i < N; ++i)
      if (missing(i)) load(numbers[i], from(i));
  }
  __syncwarp();  // lanes that left one by one would go on one by one
}

}  // namespace kandinsky::cuda
