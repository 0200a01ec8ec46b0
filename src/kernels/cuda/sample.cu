#include "kernels/cuda/block_sums.cuh"
#include "kernels/cuda/check.cuh"
#include "kernels/cuda/device_math.cuh"
#include "transformer/noise.h"

namespace kandinsky::cuda {
namespace {

constexpr int sample_threads = 1024;

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

using Sums = BlockSums<sample_threads>;

struct SamplerMemory {
  static constexpr int each = 4;  // of those that top-k keeps, if no more
  Sums::Memory sums;
  unsigned keys[each * sample_threads];
  int ids[each * sample_threads];
  int kept;
};

// What a draw needs besides the logits.
struct Drawing {
  const SlotState& state;
  int position;
  float largest;  // scaled logit
  unsigned largest_key;
};

// The ids that top-k keeps, Each of a thread, at most.
template <int Each>
class Candidates {
 public:
  __device__ __forceinline__ Candidates(const Drawing& drawing, Sums& sums) : drawing_(drawing), sums_(sums) {}
  unsigned keys[Each];
  int ids[Each];  // none: those from no_id on
  static constexpr int no_id = 0x7FFFFFFF;

  __device__ __forceinline__ int draw(unsigned lowest) const {
    const SlotState& state = drawing_.state;
    int last = no_id;  // that stays of those with the lowest key
    if (state.top_p < 1) cut(state.top_p, lowest, last);
    double best = -INFINITY;
    int best_of_mine = no_id;
#pragma unroll
    for (int j = 0; j < Each; ++j) {
      if (ids[j] == no_id || keys[j] < lowest || (keys[j] == lowest && ids[j] > last)) continue;
      const noise::Block words =
          noise::words(state.seed, unsigned(state.number), unsigned(drawing_.position), unsigned(ids[j]) / 4);
      const int k = ids[j] % 4;
      const std::uint32_t word = k == 0   ? words.word[0]
                                 : k == 1 ? words.word[1]
                                 : k == 2 ? words.word[2]
                                          : words.word[3];
      const double weight = noise::exp_of_negative(noise::add(of_key(keys[j]), -drawing_.largest));
      const double ratio = noise::div(weight, noise::exponential(word));
      if (ratio > best || (ratio == best && ids[j] < best_of_mine)) {
        best = ratio;
        best_of_mine = ids[j];
      }
    }
    return sums_.best(best, best_of_mine);
  }

 private:
  __device__ __forceinline__ unsigned long long weight_of(unsigned key) const {
    return noise::fixed_point(noise::exp_of_negative(noise::add(of_key(key), -drawing_.largest)));
  }

  // Raises `lowest` to the border of top-p; of those equal to it the ids up to `last` stay.
  __device__ __forceinline__ void cut(double top_p, unsigned& lowest, int& last) const {
    unsigned long long weights[Each];
#pragma unroll
    for (int j = 0; j < Each; ++j) weights[j] = ids[j] != no_id && keys[j] >= lowest ? weight_of(keys[j]) : 0;
    const auto mass = [&](unsigned key, bool itself) {
      unsigned long long mine = 0;
#pragma unroll
      for (int j = 0; j < Each; ++j) mine += keys[j] > key || (itself && keys[j] == key) ? weights[j] : 0;
      return sums_(mine);
    };
    const unsigned long long total = mass(0, true);
    const auto target = static_cast<unsigned long long>(noise::mul(top_p, static_cast<double>(total)));
    const auto stays = [&](unsigned key) { return mass(key, true) > target; };
    lowest = max(lowest, largest_that(lowest, drawing_.largest_key, stays));  // of none if top_p is 1 but for rounding
    const unsigned long long weight = weight_of(lowest);
    if (weight == 0) return;
    const unsigned long long ties = (target - mass(lowest, false)) / weight + 1;
    const auto tied_below = [&](unsigned end) {
      unsigned mine = 0;
#pragma unroll
      for (int j = 0; j < Each; ++j) mine += keys[j] == lowest && unsigned(ids[j]) < end;
      return sums_(mine);
    };
    if (tied_below(no_id) > ties)
      last = int(largest_that(0, no_id, [&](unsigned end) { return tied_below(end) < ties; }));
  }

  const Drawing& drawing_;
  Sums& sums_;
};

// Sampler of src/transformer/sampler.cc with the same arithmetic, one slot a block, each thread with Each ids in fours.
// Sums of probabilities are integers and orders are total, so the ids are the same whatever runs first.
template <int Each>
class Sampler {
 public:
  __device__ __forceinline__ Sampler(const float* logits, int count, SamplerMemory& memory, Sums& sums)
      : count_(count), memory_(memory), sums_(sums) {
#pragma unroll
    for (int j = 0; j < Each; j += 4) {
      const float4 four = id(j) < count ? at(logits, id(j)) : float4{};
      logits_[j] = four.x, logits_[j + 1] = four.y, logits_[j + 2] = four.z, logits_[j + 3] = four.w;
    }
#pragma unroll
    for (int j = 0; j < Each; ++j)
      if (id(j) >= count) logits_[j] = -INFINITY;
  }

  __device__ __forceinline__ float largest_logit() const {
    unsigned largest = 0;
#pragma unroll
    for (int j = 0; j < Each; ++j) largest = max(largest, order_key(logits_[j]));
    return of_key(sums_.largest(largest));
  }

  // The sum of exp(logit - largest).
  __device__ __forceinline__ double partition(float largest) const {
    double sum = 0;
#pragma unroll
    for (int j = 0; j < Each; ++j)
      if (id(j) < count_) sum += noise::exp_of_negative(noise::add(logits_[j], -largest));
    return sums_(sum);
  }

  __device__ __forceinline__ int likeliest() const {
    double best = -INFINITY;
    int best_of_mine = Candidates<Each>::no_id;
#pragma unroll
    for (int j = 0; j < Each; ++j)
      if (logits_[j] > best) {
        best = logits_[j];
        best_of_mine = id(j);
      }
    return sums_.best(best, best_of_mine);
  }

  __device__ __forceinline__ int draw(const SlotState& state, int position) const {
    Drawing drawing{state, position, 0, 0};
    Candidates<Each> all(drawing, sums_);
#pragma unroll
    for (int j = 0; j < Each; ++j) {
      all.ids[j] = id(j) < count_ ? id(j) : all.no_id;
      all.keys[j] = order_key(noise::add(noise::div(logits_[j], state.temperature), 0.0f));  // -0 becomes +0
      drawing.largest_key = max(drawing.largest_key, all.keys[j]);
    }
    drawing.largest_key = sums_.largest(drawing.largest_key);
    drawing.largest = of_key(drawing.largest_key);
    if (state.top_k == 0 || state.top_k >= count_) return all.draw(0);
    const auto kept = [&](unsigned key) {
      unsigned mine = 0;
#pragma unroll
      for (int j = 0; j < Each; ++j) mine += all.ids[j] != all.no_id && all.keys[j] >= key;
      return sums_(mine);
    };
    const unsigned lowest =
        largest_that(0, drawing.largest_key, [&](unsigned key) { return kept(key) >= unsigned(state.top_k); });
    if (kept(lowest) > SamplerMemory::each * sample_threads) return all.draw(lowest);
    return few(all, lowest, drawing).draw(lowest);
  }

 private:
  static __device__ __forceinline__ int id(int j) { return (j / 4 * sample_threads + int(threadIdx.x)) * 4 + j % 4; }

  // Those that stay, dealt out anew: no more than memory_ has room for.
  __device__ __forceinline__ Candidates<SamplerMemory::each> few(const Candidates<Each>& all, unsigned lowest,
                                                                 const Drawing& drawing) const {
    Candidates<SamplerMemory::each> result(drawing, sums_);
    if (threadIdx.x == 0) memory_.kept = 0;
    __syncthreads();
#pragma unroll
    for (int j = 0; j < Each; ++j) {
      const bool stays = all.ids[j] != all.no_id && all.keys[j] >= lowest;
      const unsigned staying = __ballot_sync(0xFFFFFFFFu, stays), lane = threadIdx.x % 32;
      int place = 0;
      if (lane == 0) place = atomicAdd(&memory_.kept, __popc(staying));
      place = __shfl_sync(0xFFFFFFFFu, place, 0) + __popc(staying & ((1u << lane) - 1));
      if (!stays) continue;
      memory_.keys[place] = all.keys[j];
      memory_.ids[place] = all.ids[j];
    }
    __syncthreads();
#pragma unroll
    for (int j = 0; j < SamplerMemory::each; ++j) {
      const int place = j * sample_threads + threadIdx.x;
      const bool there = place < memory_.kept;
      result.keys[j] = there ? memory_.keys[place] : 0;
      result.ids[j] = there ? memory_.ids[place] : result.no_id;
    }
    return result;
  }

  float logits_[Each];
  int count_;
  SamplerMemory& memory_;
  Sums& sums_;
};

template <int Each>
__global__ void __launch_bounds__(sample_threads) sample_kernel(Model m, Buffers b, SlotState* states, int first_slot,
                                                                std::int32_t* tokens, const std::int32_t* forced) {
  __shared__ SamplerMemory memory;
  Sums sums(memory.sums);
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
  if (id < 0) id = fails ? 0 : state.greedy ? sampler.likeliest() : sampler.draw(state, position);
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
                                  : sample_kernel<most_image_vocab / 1024>;
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
