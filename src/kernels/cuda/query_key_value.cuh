#pragma once
#include "kernels/cuda/parts.cuh"
#include "kernels/cuda/pass_variant.cuh"

namespace kandinsky::cuda {

// A layer's queries, keys and values, as the blocks make them: in parts along the inputs, without biases.
class QueryKeyValue {
 public:
  enum Part { query, key, value };

  __device__ __forceinline__ QueryKeyValue(const PassArguments& a, int layer, std::uint32_t stamp)
      : m_(a.model),
        b_(a.buffers),
        bias_(a.model.layer[layer].query_key_value.bias),
        splits_(a.query_key_value_splits),
        stamp_(stamp) {}

  // Of two neighbours each, from k(i) on, of row(i), if wanted(i): biases and parts, `Together` at a time.
  template <int N, int Together, typename Wanted, typename Row, typename K>
  __device__ __forceinline__ Parts<N, Together> parts(Part what, const Wanted& wanted, const Row& row,
                                                      const K& k) const {
    return {splits_,
            unsigned(b_.rows) * 3 * m_.hidden / 2,
            wanted,
            [&](int i) { return __ldg(reinterpret_cast<const float2*>(bias_ + what * m_.hidden + k(i))); },
            [&](int i) { return b_.query_key_value + ((std::size_t(row(i)) * 3 + what) * m_.hidden + k(i)) / 2; },
            b_.query_key_value,
            stamp_};
  }

 private:
  const Model& m_;
  const Buffers& b_;
  const float* bias_;
  int splits_;
  std::uint32_t stamp_;
};

}  // namespace kandinsky::cuda
