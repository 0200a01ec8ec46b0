#pragma once
#include "kernels/cuda/device_math.cuh"
#include "kernels/cuda/stamped.cuh"

namespace kandinsky::cuda {

// N pairs of numbers that lie in `splits` parts, a word each, `distance` words apart, and the sums of all parts that
// are wanted, in order. `Together` parts are asked for at a time, of all pairs: with a condition for each read, reads
// go out a few at a time, so what is not wanted is read from `idle`, any place.
template <int N, int Together>
class Parts {
 public:
  float2 sums[N];

  // `begin`(i): what sum i begins with.
  template <typename Wanted, typename Begin, typename From>
  __device__ __forceinline__ Parts(int splits, unsigned distance, const Wanted& wanted, const Begin& begin,
                                   const From& from, const StampedWord* idle, std::uint32_t stamp)
      : splits_(splits), distance_(distance), stamp_(stamp) {
#pragma unroll
    for (int i = 0; i < N; ++i) sums[i] = wanted(i) ? begin(i) : float2{};
#pragma unroll
    for (int i = 0; i < N; ++i) {
      at_[i] = wanted(i) ? from(i) : idle;
      compared_[i] = wanted(i) ? StampedSums::stamp_bits : 0;
    }
  }

  // Asks for the parts from `split` on.
  __device__ __forceinline__ void ask(int split = 0) {
#pragma unroll
    for (int i = 0; i < N; ++i)
#pragma unroll
      for (int part = 0; part < Together; ++part)
        words_[i][part] = StampedSums::load_word(at_[i] + min(split + part, splits_ - 1) * distance_);
  }

  // Whether those that were asked for have come.
  __device__ __forceinline__ bool came() const {
    std::uint32_t differ = 0;
#pragma unroll
    for (int i = 0; i < N; ++i)
#pragma unroll
      for (int part = 0; part < Together; ++part)
        differ |= StampedSums::differs(words_[i][part], stamp_) & compared_[i];
    return differ == 0;
  }

  // Adds all parts, once they have come. `asked`: the first ones have been asked for. Of many, one is watched alone
  // until it comes: what is asked for in vain slows everybody down.
  __device__ __forceinline__ void add(bool asked = false) {
    if (N > 2 && !asked && compared_[0] != 0)
      while (StampedSums::differs(StampedSums::load_word(at_[0] + (splits_ - 1) * distance_), stamp_) & compared_[0])
        __nanosleep(20);
    for (int split = 0; split < splits_; split += Together) {
      if (split > 0 || !asked) ask(split);
      while (!came()) ask(split);
#pragma unroll
      for (int i = 0; i < N; ++i)
#pragma unroll
        for (int part = 0; part < Together; ++part)
          if (compared_[i] != 0 && split + part < splits_) sums[i] = sums[i] + StampedSums::sums_of(words_[i][part]);
    }
  }

 private:
  int splits_;
  unsigned distance_;
  std::uint32_t stamp_;
  const StampedWord* at_[N];
  std::uint32_t compared_[N];
  StampedWord words_[N][Together];
};

}  // namespace kandinsky::cuda
