#pragma once
// How blocks hand sums to each other within a pass. A stamped word holds two numbers, whose last bits are given up for
// the stamp of their writing: the memory model delivers 64 bits whole, so who finds the stamp has the numbers, one trip
// to the second-level cache after they were written, without fence or barrier (as NCCL's protocol for low latency).
// (Activations: marked.cuh.)
#include <cstdint>

#include "kernels/cuda/decoder_step.h"

namespace kandinsky::cuda {

__device__ __forceinline__ void store_two(StampedWord* to, StampedWord first, StampedWord second) {
  asm volatile("st.relaxed.gpu.global.v2.b64 [%0], {%1, %2};" ::"l"(to), "l"(first), "l"(second) : "memory");
}

// Two words that lie together, of two fp32 numbers each without the last four of their 24 bits, far below what the 16
// bits of what is made of the sums can tell. Of the stamp what eight bits hold, never 0.
struct StampedSums {
  StampedWord first, second;
  static constexpr std::uint32_t kept = ~15u, stamp_bits = 255;
  static __device__ __forceinline__ std::uint32_t short_stamp(std::uint32_t stamp) { return stamp % stamp_bits + 1; }
  static __device__ __forceinline__ StampedWord word(float x, float y, std::uint32_t short_stamp) {
    const std::uint32_t first = __float_as_uint(x) & kept, second = __float_as_uint(y) & kept;
    return StampedWord(first | second >> 28) << 32 | (second << 4 | short_stamp);
  }
  // What is left of numbers that are stored.
  static __device__ __forceinline__ float cut(float x) { return __uint_as_float(__float_as_uint(x) & kept); }
  static __device__ __forceinline__ float4 cut(const float4& x) { return {cut(x.x), cut(x.y), cut(x.z), cut(x.w)}; }
  static __device__ __forceinline__ void store(StampedWord* to, const float4& sums, std::uint32_t stamp) {
    store_two(to, word(sums.x, sums.y, short_stamp(stamp)), word(sums.z, sums.w, short_stamp(stamp)));
  }
  static __device__ __forceinline__ StampedWord load_word(const StampedWord* from) {
    StampedWord word;
    asm volatile("ld.relaxed.gpu.global.b64 %0, [%1];" : "=l"(word) : "l"(from) : "memory");
    return word;
  }
  static __device__ __forceinline__ float2 sums_of(StampedWord word) {
    return {__uint_as_float(std::uint32_t(word >> 32) & kept), __uint_as_float(std::uint32_t(word >> 4) & kept)};
  }
  __device__ __forceinline__ float4 data() const {
    const float2 a = sums_of(first), b = sums_of(second);
    return {a.x, a.y, b.x, b.y};
  }
  // No bit of stamp_bits is set if a word has the stamp, or both.
  static __device__ __forceinline__ std::uint32_t differs(StampedWord word, std::uint32_t stamp) {
    return std::uint32_t(word) ^ short_stamp(stamp);
  }
  __device__ __forceinline__ std::uint32_t differs(std::uint32_t stamp) const {
    return differs(first, stamp) | differs(second, stamp);
  }
  __device__ __forceinline__ void load(const StampedWord* from) {
    asm volatile("ld.relaxed.gpu.global.v2.b64 {%0, %1}, [%2];" : "=l"(first), "=l"(second) : "l"(from) : "memory");
  }
};

// By a warp. Waits for N of them: those wanted(i), which lie at from(i). The others' data is anything. All are asked
// for until all have come: that takes fewer instructions than to keep account of each, and few blocks receive sums.
template <int N, typename Wanted, typename From>
__device__ __forceinline__ void receive_sums(StampedSums (&sums)[N], const Wanted& wanted, const From& from,
                                             std::uint32_t stamp) {
  std::uint32_t differ;
  do {
    differ = 0;
#pragma unroll
    for (int i = 0; i < N; ++i)
      if (wanted(i)) sums[i].load(from(i));
#pragma unroll
    for (int i = 0; i < N; ++i)
      if (wanted(i)) differ |= sums[i].differs(stamp);
  } while ((differ & StampedSums::stamp_bits) != 0);
  __syncwarp();  // lanes that left one by one would go on one by one
}

__device__ __forceinline__ unsigned load_acquire(const unsigned* p) {
  unsigned value;
  asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(value) : "l"(p) : "memory");
  return value;
}

// By one thread, for what others of its block wrote before they met it.
__device__ __forceinline__ void count_up(Counter& counter) {
  asm volatile("red.release.gpu.global.add.u32 [%0], 1;" ::"l"(&counter.value) : "memory");
}

__device__ __forceinline__ void wait_for(const Counter& counter, unsigned target) {
  while (load_acquire(&counter.value) < target) {
  }
}

// A pass's stamps begin at first_stamp. Passes are counted anew before 32 bits are full, at a number that lets the
// short stamps go on in turn, and the places of marked numbers.
static_assert(StampedSums::stamp_bits % marked_turns == 0);
__device__ __forceinline__ std::uint32_t stamps_a_pass(int layers) { return 2 * layers + 1; }
__device__ __forceinline__ std::uint32_t first_stamp(std::uint32_t pass, int layers) {
  return (pass + 1) * stamps_a_pass(layers);
}
__device__ __forceinline__ std::uint32_t pass_after(std::uint32_t pass, int layers) {
  const std::uint32_t passes = 0xFFFFFFFFu / stamps_a_pass(layers) - 2;
  return pass + 1 == passes / StampedSums::stamp_bits * StampedSums::stamp_bits ? 0 : pass + 1;
}

// The calling block has no more to do with the pass. The last one readies the counters for the next pass.
__device__ __forceinline__ void leave(Meeting& meeting, int layers) {
  unsigned before;
  asm volatile("atom.acq_rel.gpu.global.add.u32 %0, [%1], 1;" : "=r"(before) : "l"(&meeting.left.value) : "memory");
  if (before + 1 != gridDim.x) return;
  meeting.left.value = meeting.texts.value = meeting.norm.value = 0;
  meeting.normed.value = meeting.attended.value = meeting.widened.value = 0;
  meeting.pass.value = pass_after(meeting.pass.value, layers);
}

}  // namespace kandinsky::cuda
