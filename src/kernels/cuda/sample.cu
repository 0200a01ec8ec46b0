#include "kernels/cuda/block_sums.cuh"
#include "kernels/cuda/check.cuh"
#include "kernels/cuda/device_math.cuh"
#include "transformer/noise.h"

namespace kandinsky::cuda {
namespace {

constexpr int sample_threads = BlockSums::threads;

// Unsigned numbers in the order of the floats; NaN comes last, as -infinity does.
__device__ __forceinline__ unsigned order_key(float x) {
  const unsigned bits = __float_as_uint(isnan(x) ? -INFINITY : x);
  return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}
__device__ __forceinline__ float of_key(unsigned key) {
  return __uint_as_float(key & 0x80000000u ? key & 0x7FFFFFFFu : ~key);
}

// The largest number from `least` to `most` that `holds` says true of, which is true of `least`, of all numbers below
// one and of none above.
template <typename Holds>
__device__ __forceinline__ unsigned largest_that(unsigned least, unsigned most, const Holds& holds) {
  const unsigned differ = least ^ most;
  unsigned bit = differ == 0 ? 0 : 0x80000000u >> __clz(int(differ));
  unsigned found = bit == 0 ? least : least & ~(2 * bit - 1);
  for (; bit != 0; bit >>= 1)
    if (holds(found | bit)) found |= bit;
  return found;
}

struct SamplerMemory {
  static constexpr int each = 4;  // of those that top-k keeps, if no more
  BlockSums::Memory sums;
  unsigned keys[each * sample_threads];
  int ids[each * sample_threads];
  int kept;
};

constexpr int no_id = 0x7FFFFFFF;

__device__ __forceinline__ float weight_of(unsigned key, float largest) {
  return noise::exp_of_negative(noise::add(of_key(key), -largest));
}

// What stays: keys above `lowest`, and of those equal to it ids up to `last`.
struct Border {
  unsigned lowest;
  int last;
  __device__ __forceinline__ bool keeps(unsigned key, int id) const {
    return key > lowest || (key == lowest && id <= last);
  }
};

// Raises a border to that of top-p, of ids that `keys` (Each of a thread) belong to; no_id stands for none.
template <int Each>
__device__ __forceinline__ void cut(const unsigned (&keys)[Each], const int (&ids)[Each], unsigned largest_key,
                                    double top_p, Border& border, BlockSums& sums) {
  const float largest = of_key(largest_key);
  unsigned long long weights[Each];
#pragma unroll
  for (int j = 0; j < Each; ++j)
    weights[j] = ids[j] != no_id && keys[j] >= border.lowest ? noise::fixed_point(weight_of(keys[j], largest)) : 0;
  const auto mass = [&](unsigned key, bool itself) {
    unsigned long long mine = 0;
#pragma unroll
    for (int j = 0; j < Each; ++j) mine += keys[j] > key || (itself && keys[j] == key) ? weights[j] : 0;
    return sums(mine);
  };
  const unsigned long long total = mass(0, true);
  const auto target = static_cast<unsigned long long>(noise::mul(top_p, static_cast<double>(total)));
  const auto stays = [&](unsigned key) { return mass(key, true) > target; };
  // None stays if top_p is 1 but for rounding.
  border.lowest = max(border.lowest, largest_that(border.lowest, largest_key, stays));
  const unsigned long long weight = noise::fixed_point(weight_of(border.lowest, largest));
  if (weight == 0) return;
  const unsigned long long ties = (target - mass(border.lowest, false)) / weight + 1;
  const auto tied_below = [&](unsigned end) {
    unsigned mine = 0;
#pragma unroll
    for (int j = 0; j < Each; ++j) mine += keys[j] == border.lowest && unsigned(ids[j]) < end;
    return sums(mine);
  };
  if (tied_below(no_id) > ties)
    border.last = int(largest_that(0, no_id, [&](unsigned end) { return tied_below(end) < ties; }));
}

// Sampler of src/transformer/sampler.cc with the same arithmetic, one slot a block, each thread with Each ids at most.
// Sums of probabilities are integers and orders are total, so the ids are the same whatever runs first. Loops that need
// not be are not unrolled: the code comes from the second-level cache anew in every step.
template <int Each>
class Sampler {
 public:
  __device__ __forceinline__ Sampler(const float* logits, int count, SamplerMemory& memory, BlockSums& sums)
      : logits_(logits), count_(count), memory_(memory), sums_(sums) {}

  __device__ __forceinline__ float largest_logit() const {
    unsigned largest = 0;
    for (int id = threadIdx.x; id < count_; id += sample_threads) largest = max(largest, order_key(logits_[id]));
    return of_key(sums_.largest(largest));
  }

  // The sum of exp(logit - largest).
  __device__ __forceinline__ double partition(float largest) const {
    double sum = 0;
    for (int id = threadIdx.x; id < count_; id += sample_threads)
      sum += noise::exp_of_negative(noise::add(logits_[id], -largest));
    return sums_(sum);
  }

  __device__ __forceinline__ int likeliest() const {
    float best = -INFINITY;
    int best_of_mine = no_id;
    for (int id = threadIdx.x; id < count_; id += sample_threads)
      if (logits_[id] > best) {
        best = logits_[id];
        best_of_mine = id;
      }
    return sums_.best(best, best_of_mine);
  }

  __device__ __forceinline__ int draw(const SlotState& state, int position, float largest_logit) const {
    const unsigned largest_key = key_of(largest_logit, state.temperature);
    unsigned keys[Each];
    int ids[Each];
#pragma unroll
    for (int j = 0; j < Each; ++j) {
      const int id = j * sample_threads + threadIdx.x;
      ids[j] = id < count_ ? id : no_id;
      keys[j] = ids[j] == no_id ? 0 : key_of(logits_[id], state.temperature);
    }
    Border border{0, no_id};
    bool few = false;
    if (state.top_k > 0 && state.top_k < count_) {
      const auto kept = [&](unsigned key) {
        unsigned mine = 0;
#pragma unroll
        for (int j = 0; j < Each; ++j) mine += ids[j] != no_id && keys[j] >= key;
        return sums_(mine);
      };
      border.lowest = largest_that(0, largest_key, [&](unsigned key) { return kept(key) >= unsigned(state.top_k); });
      few = kept(border.lowest) <= SamplerMemory::each * sample_threads;
      if (few) keep(keys, ids, border.lowest);
    }
    if (state.top_p < 1) {
      if (few)
        cut_kept(largest_key, state.top_p, border);
      else
        cut(keys, ids, largest_key, state.top_p, border, sums_);
    }
    double best = -INFINITY;
    int best_of_mine = no_id;
    const int candidates = few ? memory_.kept : count_;
#pragma unroll 1
    for (int i = threadIdx.x; i < candidates; i += sample_threads) {
      const int id = few ? memory_.ids[i] : i;
      const unsigned key = few ? memory_.keys[i] : key_of(logits_[id], state.temperature);
      if (!border.keeps(key, id)) continue;
      const noise::Block words = noise::words(state.seed, unsigned(state.number), unsigned(position), unsigned(id) / 4);
      const std::uint32_t word = id % 4 == 0   ? words.word[0]
                                 : id % 4 == 1 ? words.word[1]
                                 : id % 4 == 2 ? words.word[2]
                                               : words.word[3];
      const double weight = weight_of(key, of_key(largest_key));
      const double ratio = noise::div(weight, noise::exponential(word));
      if (ratio > best || (ratio == best && id < best_of_mine)) {
        best = ratio;
        best_of_mine = id;
      }
    }
    return sums_.best(best, best_of_mine);
  }

 private:
  static __device__ __forceinline__ unsigned key_of(float logit, float temperature) {
    return order_key(noise::add(noise::div(logit, temperature), 0.0f));  // -0 becomes +0
  }

  // Writes those with keys from `lowest` on to memory_, which has room for them.
  __device__ __forceinline__ void keep(const unsigned (&keys)[Each], const int (&ids)[Each], unsigned lowest) const {
    if (threadIdx.x == 0) memory_.kept = 0;
    __syncthreads();
#pragma unroll
    for (int j = 0; j < Each; ++j) {
      const bool stays = ids[j] != no_id && keys[j] >= lowest;
      const unsigned staying = __ballot_sync(0xFFFFFFFFu, stays), lane = threadIdx.x % 32;
      int place = 0;
      if (lane == 0) place = atomicAdd(&memory_.kept, __popc(staying));
      place = __shfl_sync(0xFFFFFFFFu, place, 0) + __popc(staying & ((1u << lane) - 1));
      if (!stays) continue;
      memory_.keys[place] = keys[j];
      memory_.ids[place] = ids[j];
    }
    __syncthreads();
  }

  __device__ __forceinline__ void cut_kept(unsigned largest_key, double top_p, Border& border) const {
    unsigned keys[SamplerMemory::each];
    int ids[SamplerMemory::each];
#pragma unroll
    for (int j = 0; j < SamplerMemory::each; ++j) {
      const int place = j * sample_threads + threadIdx.x;
      const bool there = place < memory_.kept;
      keys[j] = there ? memory_.keys[place] : 0;
      ids[j] = there ? memory_.ids[place] : no_id;
    }
    cut(keys, ids, largest_key, top_p, border, sums_);
  }

  const float* logits_;
  int count_;
  SamplerMemory& memory_;
  BlockSums& sums_;
};

template <int Each>
__global__ void __launch_bounds__(sample_threads) sample_kernel(Model m, Buffers b, SlotState* states, int first_slot,
                                                                std::int32_t* tokens, const std::int32_t* forced) {
  __shared__ SamplerMemory memory;
  BlockSums sums(memory.sums);
  const int slot = first_slot + blockIdx.x;
  const SlotState state = states[slot];
  if (!state.active) return;
  const int vocab = m.image_vocab, length = m.grid * m.grid;
  const float* logits = b.logits + std::size_t(slot) * round_up(vocab, row_tile);
  const int position = state.drawn;
  const Sampler<Each> sampler(logits, vocab, memory, sums);
  const float largest = sampler.largest_logit();
  const bool fails = !isfinite(largest);
  int id = state.forced_offset < 0 ? -1 : forced[state.forced_offset + position];
  if (id < 0) id = fails ? 0 : state.greedy ? sampler.likeliest() : sampler.draw(state, position, largest);
  const double partition = sampler.partition(largest);

  const int drawn = position + 1;
  if (threadIdx.x == 0) {
    const float cross_entropy = logf(float(partition)) - (logits[id] - largest);
    SlotState& to = states[slot];
    if (position > 0 && cross_entropy != 0) {
      to.perplexity_sum += exp(double(cross_entropy));
      to.perplexity_count += 1;
    }
    to.failed = state.failed | fails;
    to.drawn = drawn;
    to.active = drawn < length;
    tokens[std::size_t(slot) * length + position] = id;
    b.row[slot].position = drawn < length ? drawn - 1 + (m.version == 2) : -1;
  }
  if (drawn == length) return;
  const int pixel = drawn - 1;
  const float* token = m.image_embeddings + std::size_t(id) * m.hidden;
  const float* row = m.image_rows + std::size_t(pixel / m.grid) * m.hidden;
  const float* column = m.image_columns + std::size_t(pixel % m.grid) * m.hidden;
  for (int d = threadIdx.x; d < m.hidden; d += sample_threads)
    b.x[std::size_t(slot) * m.hidden + d] = token[d] + (row[d] + column[d]);
}

__global__ void text_embedding_kernel(Model m, Buffers b, const std::int32_t* ids, int first_position, int first_row) {
  const int i = blockIdx.x;
  const float* token = m.text_embeddings + std::size_t(ids[i]) * m.hidden;
  const float* place = m.text_positions + std::size_t(first_position + i) * m.hidden;
  for (int d = threadIdx.x; d < m.hidden; d += blockDim.x)
    b.x[std::size_t(first_row + i) * m.hidden + d] = token[d] + place[d];
}

}  // namespace

void run_sampler(const Model& model, const Buffers& buffers, SlotState* states, int first_slot, int count,
                 std::int32_t* tokens, const std::int32_t* forced, void* stream) {
  const int each = (model.image_vocab + sample_threads - 1) / sample_threads;
  const auto kernel = each <= 4   ? sample_kernel<4>
                      : each <= 8 ? sample_kernel<8>
                                  : sample_kernel<most_image_vocab / sample_threads>;
  kernel<<<count, sample_threads, 0, static_cast<cudaStream_t>(stream)>>>(model, buffers, states, first_slot, tokens,
                                                                          forced);
  check_cuda(cudaGetLastError(), "sampler");
}

void run_text_embedding(const Model& model, const Buffers& buffers, const std::int32_t* ids, int count,
                        int first_position, int first_row, void* stream) {
  text_embedding_kernel<<<count, 256, 0, static_cast<cudaStream_t>(stream)>>>(model, buffers, ids, first_position,
                                                                              first_row);
  check_cuda(cudaGetLastError(), "text embedding");
}

}  // namespace kandinsky::cuda
