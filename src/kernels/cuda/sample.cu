#include <algorithm>

#include "kernels/cuda/check.cuh"
#include "kernels/cuda/device_math.cuh"
#include "transformer/noise.h"

namespace kandinsky::cuda {
namespace {

constexpr int sample_threads = 1024;

// Sampler of src/transformer/sampler.cc with the same arithmetic, one slot a block. Sums of probabilities are integers
// and orders are total, so the ids are the same whatever runs first.
struct Shared {
  unsigned histogram[256];
  unsigned long long mass[256];
  unsigned long long total;
  unsigned prefix;
  unsigned remaining;
  unsigned long long above;
  double ratio[32];
  int id[32];
  float value[32];
  double sum[32];
  int ties[32];
};

// Unsigned numbers in the order of the floats.
__device__ __forceinline__ unsigned order_key(float x) {
  const unsigned bits = __float_as_uint(x);
  return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

__device__ float largest_of(const float* values, int count, Shared& s) {
  float best = -INFINITY;
  for (int i = threadIdx.x; i < count; i += sample_threads) best = fmaxf(best, values[i]);
  for (int offset = 16; offset > 0; offset /= 2) best = fmaxf(best, __shfl_xor_sync(0xFFFFFFFFu, best, offset));
  if (threadIdx.x % 32 == 0) s.value[threadIdx.x / 32] = best;
  __syncthreads();
  best = s.value[threadIdx.x % 32];
  for (int offset = 16; offset > 0; offset /= 2) best = fmaxf(best, __shfl_xor_sync(0xFFFFFFFFu, best, offset));
  __syncthreads();
  return best;
}

// The id with the largest value; the lowest of several.
__device__ int best_id(double value, int id, Shared& s) {
  const auto better = [](double a, int i, double b, int j) { return a > b || (a == b && i < j); };
  for (int offset = 16; offset > 0; offset /= 2) {
    const double other = __shfl_xor_sync(0xFFFFFFFFu, value, offset);
    const int other_id = __shfl_xor_sync(0xFFFFFFFFu, id, offset);
    if (better(other, other_id, value, id)) {
      value = other;
      id = other_id;
    }
  }
  if (threadIdx.x % 32 == 0) {
    s.ratio[threadIdx.x / 32] = value;
    s.id[threadIdx.x / 32] = id;
  }
  __syncthreads();
  value = s.ratio[0];
  id = s.id[0];
  for (int i = 1; i < 32; ++i)
    if (better(s.ratio[i], s.id[i], value, id)) {
      value = s.ratio[i];
      id = s.id[i];
    }
  __syncthreads();
  return id;
}

// Key of the k-th largest of z, digit by digit.
__device__ unsigned kth_largest(const float* z, int count, unsigned k, Shared& s) {
  if (threadIdx.x == 0) {
    s.prefix = 0;
    s.remaining = k;
  }
  for (int shift = 24; shift >= 0; shift -= 8) {
    if (threadIdx.x < 256) s.histogram[threadIdx.x] = 0;
    __syncthreads();
    const unsigned prefix = s.prefix;
    for (int i = threadIdx.x; i < count; i += sample_threads) {
      const unsigned key = order_key(z[i]);
      if (shift == 24 || key >> (shift + 8) == prefix >> (shift + 8)) atomicAdd(&s.histogram[key >> shift & 255], 1u);
    }
    __syncthreads();
    if (threadIdx.x == 0) {
      unsigned left = s.remaining;
      int digit = 255;
      while (s.histogram[digit] < left) left -= s.histogram[digit--];
      s.remaining = left;
      s.prefix = prefix | unsigned(digit) << shift;
    }
    __syncthreads();
  }
  const unsigned key = s.prefix;
  __syncthreads();  // the next one to use it may begin
  return key;
}

__device__ __forceinline__ unsigned long long weight_of(float z, float largest) {
  return noise::fixed_point(noise::exp_of_negative(noise::add(z, -largest)));
}

// The border of top-p among z with key >= lowest: keys above `key` stay, and of those equal to it the first `ties` ids.
struct Border {
  unsigned key;
  unsigned ties;
};
__device__ Border top_p_border(const float* z, int count, unsigned lowest, float largest, double top_p, Shared& s) {
  if (threadIdx.x == 0) {
    s.total = 0;
    s.prefix = 0;
    s.above = 0;
  }
  __syncthreads();
  unsigned long long mine = 0;
  for (int i = threadIdx.x; i < count; i += sample_threads)
    if (order_key(z[i]) >= lowest) mine += weight_of(z[i], largest);
  for (int offset = 16; offset > 0; offset /= 2) mine += __shfl_xor_sync(0xFFFFFFFFu, mine, offset);
  if (threadIdx.x % 32 == 0) atomicAdd(&s.total, mine);
  __syncthreads();
  const auto target = static_cast<unsigned long long>(noise::mul(top_p, static_cast<double>(s.total)));
  for (int shift = 24; shift >= 0; shift -= 8) {
    if (threadIdx.x < 256) s.mass[threadIdx.x] = 0;
    __syncthreads();
    const unsigned prefix = s.prefix;
    for (int i = threadIdx.x; i < count; i += sample_threads) {
      const unsigned key = order_key(z[i]);
      if (key < lowest) continue;
      if (shift == 24 || key >> (shift + 8) == prefix >> (shift + 8))
        atomicAdd(&s.mass[key >> shift & 255], weight_of(z[i], largest));
    }
    __syncthreads();
    if (threadIdx.x == 0) {
      unsigned long long above = s.above;
      int digit = 255;
      while (digit > 0 && above + s.mass[digit] <= target) above += s.mass[digit--];
      s.above = above;
      s.prefix = prefix | unsigned(digit) << shift;
    }
    __syncthreads();
  }
  const unsigned key = s.prefix;
  const float z_border = __uint_as_float(key & 0x80000000u ? key & 0x7FFFFFFFu : ~key);
  const unsigned long long weight = weight_of(z_border, largest);
  const unsigned ties = weight == 0 ? 0xFFFFFFFFu : unsigned((target - s.above) / weight + 1);
  __syncthreads();
  return {key, ties};
}

// The id of the tie'th number (from 1) equal to `key`; a large one if there are fewer.
__device__ int last_tied_id(const float* z, int count, unsigned key, unsigned ties, Shared& s) {
  unsigned seen = 0;
  for (int first = 0; first < count; first += sample_threads) {
    const int i = first + threadIdx.x;
    const bool equal = i < count && order_key(z[i]) == key;
    const unsigned mask = __ballot_sync(0xFFFFFFFFu, equal);
    if (threadIdx.x % 32 == 0) s.ties[threadIdx.x / 32] = __popc(mask);
    __syncthreads();
    unsigned before = seen;
    for (int w = 0; w < int(threadIdx.x) / 32; ++w) before += s.ties[w];
    const unsigned rank = before + __popc(mask & ((1u << threadIdx.x % 32) - 1));
    if (threadIdx.x == 0) s.id[0] = 0x7FFFFFFF;
    unsigned all = seen;
    for (int w = 0; w < 32; ++w) all += s.ties[w];
    __syncthreads();
    if (equal && rank + 1 == ties) s.id[0] = i;
    __syncthreads();
    const int found = s.id[0];
    __syncthreads();
    if (found != 0x7FFFFFFF) return found;
    seen = all;
  }
  return 0x7FFFFFFF;
}

__device__ int draw(float* z, const float* logits, int count, const SlotState& state, int position, Shared& s) {
  if (state.greedy) {
    double best = -INFINITY;
    int id = 0x7FFFFFFF;
    for (int i = threadIdx.x; i < count; i += sample_threads)
      if (logits[i] > best) {
        best = logits[i];
        id = i;
      }
    return best_id(best, id, s);
  }
  for (int i = threadIdx.x; i < count; i += sample_threads) {
    const float scaled = noise::div(logits[i], state.temperature);
    z[i] = isnan(scaled) ? -INFINITY : noise::add(scaled, 0.0f);  // and -0 becomes +0
  }
  __syncthreads();
  const float largest = largest_of(z, count, s);
  unsigned lowest = 0;
  if (state.top_k > 0 && state.top_k < count) lowest = kth_largest(z, count, state.top_k, s);
  Border border{lowest, 0xFFFFFFFFu};
  int last = 0x7FFFFFFF;
  if (state.top_p < 1) {
    border = top_p_border(z, count, lowest, largest, state.top_p, s);
    last = last_tied_id(z, count, border.key, border.ties, s);
  }
  double best = -1;
  int best_of_mine = 0x7FFFFFFF;
  for (int block = threadIdx.x; block * 4 < count; block += sample_threads) {
    noise::Block words;
    bool have = false;
    for (int j = 0; j < 4 && block * 4 + j < count; ++j) {
      const int id = block * 4 + j;
      const unsigned key = order_key(z[id]);
      if (key < border.key || (key == border.key && id > last)) continue;
      if (!have) words = noise::words(state.seed, unsigned(state.number), unsigned(position), unsigned(block));
      have = true;
      const double weight = noise::exp_of_negative(noise::add(z[id], -largest));
      const double ratio = noise::div(weight, noise::exponential(words.word[j]));
      if (ratio > best) {
        best = ratio;
        best_of_mine = id;
      }
    }
  }
  return best_id(best, best_of_mine, s);
}

__global__ void __launch_bounds__(sample_threads) sample_kernel(Model m, Buffers b, SlotState* states, int first_slot,
                                                                std::int32_t* tokens, const std::int32_t* forced) {
  extern __shared__ float z[];
  __shared__ Shared s;
  const int slot = first_slot + blockIdx.x;
  const SlotState state = states[slot];
  if (!state.active) return;
  const int vocab = m.image_vocab, length = m.grid * m.grid;
  const int stride = (vocab + row_tile - 1) / row_tile * row_tile;
  const float* logits = b.logits + std::size_t(slot) * stride;
  const int position = state.drawn;
  const float largest = largest_of(logits, vocab, s);
  const bool fails = !isfinite(largest);
  int id = state.forced_offset < 0 ? -1 : forced[state.forced_offset + position];
  if (id < 0) id = fails ? 0 : draw(z, logits, vocab, state, position, s);

  double sum = 0;
  for (int i = threadIdx.x; i < vocab; i += sample_threads)
    sum += noise::exp_of_negative(noise::add(logits[i], -largest));
  for (int offset = 16; offset > 0; offset /= 2) sum += __shfl_xor_sync(0xFFFFFFFFu, sum, offset);
  if (threadIdx.x % 32 == 0) s.sum[threadIdx.x / 32] = sum;
  __syncthreads();

  const int drawn = position + 1;
  if (threadIdx.x == 0) {
    sum = 0;
    for (int i = 0; i < 32; ++i) sum += s.sum[i];
    const float cross_entropy = logf(float(sum)) - (logits[id] - largest);
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

template <typename From, typename To>
__global__ void pack_kernel(const From* plain, To* packed, int outputs, int inputs, int chunks, std::size_t count) {
  for (std::size_t i = blockIdx.x * std::size_t(blockDim.x) + threadIdx.x; i < count;
       i += std::size_t(gridDim.x) * blockDim.x) {
    const int input = static_cast<int>(i % (std::size_t(chunks) * k_chunk));
    const int output = static_cast<int>(i / (std::size_t(chunks) * k_chunk));
    const bool inside = output < outputs && input < inputs;
    packed[weight_offset(output, input, chunks)] =
        inside ? narrow<To>(widen(plain[std::size_t(output) * inputs + input])) : narrow<To>(0.0f);
  }
}

template <typename From>
__global__ void widen_kernel(const From* plain, float* to, std::size_t count) {
  for (std::size_t i = blockIdx.x * std::size_t(blockDim.x) + threadIdx.x; i < count;
       i += std::size_t(gridDim.x) * blockDim.x)
    to[i] = widen(plain[i]);
}

template <typename From, typename To>
void pack(const void* plain, void* packed, int outputs, int inputs, cudaStream_t stream) {
  const int chunks = round_up(inputs, k_chunk) / k_chunk;
  const std::size_t count = std::size_t(round_up(outputs, row_tile)) * chunks * k_chunk;
  pack_kernel<From, To><<<1056, 256, 0, stream>>>(static_cast<const From*>(plain), static_cast<To*>(packed), outputs,
                                                  inputs, chunks, count);
}

}  // namespace

void run_sampler(const Model& model, const Buffers& buffers, SlotState* states, int first_slot, int count,
                 std::int32_t* tokens, const std::int32_t* forced, void* stream) {
  const int shared = model.image_vocab * static_cast<int>(sizeof(float));
  check_cuda(cudaFuncSetAttribute(sample_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, shared), "sampler");
  sample_kernel<<<count, sample_threads, shared, static_cast<cudaStream_t>(stream)>>>(model, buffers, states,
                                                                                      first_slot, tokens, forced);
  check_cuda(cudaGetLastError(), "sampler");
}

void run_text_embedding(const Model& model, const Buffers& buffers, const std::int32_t* ids, int count,
                        int first_position, int first_row, void* stream) {
  text_embedding_kernel<<<count, 256, 0, static_cast<cudaStream_t>(stream)>>>(model, buffers, ids, first_position,
                                                                              first_row);
  check_cuda(cudaGetLastError(), "text embedding");
}

void widen_numbers(Number from, const void* plain, float* to, std::size_t count, void* stream) {
  const auto queue = static_cast<cudaStream_t>(stream);
  const auto blocks = static_cast<unsigned>(std::min<std::size_t>((count + 255) / 256, 1056));
  if (count == 0) return;
  if (from == Number::fp16)
    widen_kernel<<<blocks, 256, 0, queue>>>(static_cast<const __half*>(plain), to, count);
  else if (from == Number::bf16)
    widen_kernel<<<blocks, 256, 0, queue>>>(static_cast<const __nv_bfloat16*>(plain), to, count);
  else
    widen_kernel<<<blocks, 256, 0, queue>>>(static_cast<const float*>(plain), to, count);
  check_cuda(cudaGetLastError(), "weights");
}

void pack_matrix(Number from, const void* plain, Number to, void* packed, int outputs, int inputs, void* stream) {
  const auto queue = static_cast<cudaStream_t>(stream);
  if (from == Number::fp32) {
    if (to == Number::fp16)
      pack<float, __half>(plain, packed, outputs, inputs, queue);
    else
      pack<float, __nv_bfloat16>(plain, packed, outputs, inputs, queue);
  } else if (from == Number::fp16) {
    if (to == Number::fp16)
      pack<__half, __half>(plain, packed, outputs, inputs, queue);
    else
      pack<__half, __nv_bfloat16>(plain, packed, outputs, inputs, queue);
  } else {
    if (to == Number::fp16)
      pack<__nv_bfloat16, __half>(plain, packed, outputs, inputs, queue);
    else
      pack<__nv_bfloat16, __nv_bfloat16>(plain, packed, outputs, inputs, queue);
  }
  check_cuda(cudaGetLastError(), "packing weights");
}

}  // namespace kandinsky::cuda
