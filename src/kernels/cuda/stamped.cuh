#pragma once
// How blocks hand numbers to each other within a pass. A stamped word holds 32 bits of data and the stamp of its
// writing: the memory model delivers 64 bits whole, so who finds the stamp has the data, one trip to the second-level
// cache after it was written, without fence or barrier (as NCCL's protocol for low latency). Where that costs too many
// bytes, numbers lie plain and a counter tells of their completion.
#include <cstdint>

#include "kernels/cuda/async_copy.cuh"
#include "kernels/cuda/decoder_step.h"
#include "kernels/cuda/device_math.cuh"

namespace kandinsky::cuda {

__device__ __forceinline__ void store_stamped(StampedWord* to, std::uint32_t data, std::uint32_t stamp) {
  asm volatile("st.relaxed.gpu.global.b64 [%0], %1;" ::"l"(to), "l"(StampedWord(stamp) << 32 | data) : "memory");
}

template <typename T>
__device__ __forceinline__ std::uint32_t pack_pair(float first, float second) {
  T pair[2] = {narrow<T>(first), narrow<T>(second)};
  return std::uint32_t(*reinterpret_cast<std::uint16_t*>(&pair[0])) |
         std::uint32_t(*reinterpret_cast<std::uint16_t*>(&pair[1])) << 16;
}

// Two words that lie together, at an even place.
struct StampedPair {
  StampedWord first, second;
  __device__ __forceinline__ bool has(std::uint32_t stamp) const {
    return std::uint32_t(first >> 32) == stamp && std::uint32_t(second >> 32) == stamp;
  }
  __device__ __forceinline__ uint2 data() const { return {std::uint32_t(first), std::uint32_t(second)}; }
};

__device__ __forceinline__ StampedPair load_stamped(const StampedWord* from) {
  StampedPair pair;
  asm volatile("ld.relaxed.gpu.global.v2.b64 {%0, %1}, [%2];"
               : "=l"(pair.first), "=l"(pair.second)
               : "l"(from)
               : "memory");
  return pair;
}

// Waits for N pairs at a time: those wanted(i), which lie at from(i). The others' data is anything. Of many, the first
// is watched alone until it comes: what is asked for in vain slows everybody down.
template <int N, typename Wanted, typename From>
__device__ __forceinline__ void receive(StampedPair (&pairs)[N], const Wanted& wanted, const From& from,
                                        std::uint32_t stamp) {
  constexpr bool many = N > 4;
#pragma unroll
  for (int i = 0; i < N; ++i) pairs[i] = {};  // no stamp is 0
  if (many && wanted(0))
    while (!(pairs[0] = load_stamped(from(0))).has(stamp)) __nanosleep(20);
  bool complete;
  do {
#pragma unroll
    for (int i = many; i < N; ++i)
      if (wanted(i) && !pairs[i].has(stamp)) pairs[i] = load_stamped(from(i));
    complete = true;
#pragma unroll
    for (int i = many; i < N; ++i)
      if (wanted(i)) complete = complete && pairs[i].has(stamp);
  } while (!complete);
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

// The calling block has no more to do with the pass. The last one readies the counters for the next pass.
__device__ __forceinline__ void leave(Meeting& meeting) {
  unsigned before;
  asm volatile("atom.acq_rel.gpu.global.add.u32 %0, [%1], 1;" : "=r"(before) : "l"(&meeting.left.value) : "memory");
  if (before + 1 != gridDim.x) return;
  meeting.left.value = meeting.normed.value = meeting.texts.value = meeting.attended.value = meeting.widened.value = 0;
  ++meeting.pass.value;
}

}  // namespace kandinsky::cuda
