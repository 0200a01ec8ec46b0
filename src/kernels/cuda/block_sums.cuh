#pragma once
#include <cuda_runtime.h>

namespace kandinsky::cuda {

// Sums and the like over a block of 32 warps, with the result in all threads: over each warp, then over what the warps
// have found. One barrier each: what is written alternates between two places, for who is late may still read the other
// one.
class BlockSums {
  static constexpr unsigned all = 0xFFFFFFFFu;
  static constexpr int warps = 32;

 public:
  static constexpr int threads = warps * 32;
  struct Counted {
    unsigned count;
    unsigned long long mass;
  };
  struct Best {
    double value;
    int id;
    unsigned key;  // goes with the id
  };
  union Number {
    unsigned small;
    double real;
    Counted counted;
    Best best;
  };
  using Memory = Number[2][warps];

  __device__ __forceinline__ explicit BlockSums(Memory& memory) : memory_(memory) {}

  // Of masses whose sum is below 2^59.
  __device__ __forceinline__ Counted operator()(Counted mine) {
    return twice(mine, &Number::counted, [](Counted n) {
      constexpr int bits = 27;  // of which 32 numbers' sum fits 32
      const unsigned long long low = __reduce_add_sync(all, unsigned(n.mass) & ((1u << bits) - 1));
      const unsigned long long high = __reduce_add_sync(all, unsigned(n.mass >> bits));
      return Counted{__reduce_add_sync(all, n.count), low + (high << bits)};
    });
  }
  __device__ __forceinline__ double operator()(double mine) {
    return twice(mine, &Number::real, [](double n) {
#pragma unroll
      for (int offset = 16; offset > 0; offset /= 2) n += __shfl_xor_sync(all, n, offset);
      return n;
    });
  }
  __device__ __forceinline__ unsigned largest(unsigned mine) {
    return twice(mine, &Number::small, [](unsigned n) { return __reduce_max_sync(all, n); });
  }
  // The one with the largest value; of several the one with the lowest id.
  __device__ __forceinline__ Best best(Best mine) {
    return twice(mine, &Number::best, [](Best n) {
      for (int offset = 16; offset > 0; offset /= 2) {
        const Best other{__shfl_xor_sync(all, n.value, offset), __shfl_xor_sync(all, n.id, offset),
                         __shfl_xor_sync(all, n.key, offset)};
        if (other.value > n.value || (other.value == n.value && other.id < n.id)) n = other;
      }
      return n;
    });
  }

 private:
  template <typename T, typename Warp>
  __device__ __forceinline__ T twice(T mine, T Number::*member, const Warp& over_warp) {
    Number* numbers = memory_[part_];
    part_ ^= 1;
    mine = over_warp(mine);
    if (threadIdx.x % 32 == 0) numbers[threadIdx.x / 32].*member = mine;
    __syncthreads();
    return over_warp(numbers[threadIdx.x % 32].*member);
  }

  Memory& memory_;
  int part_ = 0;
};

}  // namespace kandinsky::cuda
