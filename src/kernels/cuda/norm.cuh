#pragma once
#include "kernels/cuda/async_copy.cuh"
#include "kernels/cuda/attention.cuh"
#include "kernels/cuda/block_state.cuh"
#include "kernels/cuda/device_math.cuh"
#include "kernels/cuda/pass_variant.cuh"
#include "kernels/cuda/stamped.cuh"

namespace kandinsky::cuda {

// The residual additions and layer norms between the products. Few rows are made by a few blocks that do nothing else:
// reads of theirs wait behind no stream of weights, and their shared memory holds the norms' vectors ahead of time.
// Many rows are made a row a block, by the threads that attend.
template <int NT>
constexpr bool norms_apart = NT <= 2;
template <int NT>
constexpr int norm_threads = norms_apart<NT> ? 512 : attention_threads;
constexpr int most_norm_threads = 512;
constexpr int most_hidden = 4096;

template <int Threads>
__device__ __forceinline__ void norm_sync() {
  asm volatile("bar.sync 4, %0;" ::"n"(Threads) : "memory");
}

// Numbers of a row, dealt out over the threads that make it in pairs, so that neighbouring threads read neighbours.
template <int Threads>
struct Slice {
  static constexpr int pairs = most_hidden / Threads / 2;
  float2 v[pairs];
  int thread;  // read anew for each row: what follows from it would be kept, out of registers, from row to row

  __device__ __forceinline__ explicit Slice(int fresh) : thread(fresh % Threads) {}
  __device__ __forceinline__ int start(int i) const { return (thread + i * Threads) * 2; }
  // visit(the numbers at k and k + 1, k) of every pair that is there.
  template <typename Visit>
  __device__ __forceinline__ void each(int count, const Visit& visit) {
#pragma unroll
    for (int i = 0; i < pairs; ++i)
      if (const int k = start(i); k < count) visit(v[i], k);
  }
};

__device__ __forceinline__ float2 at(const float* p, int k) { return *reinterpret_cast<const float2*>(p + k); }
__device__ __forceinline__ float2 operator+(const float2& a, const float2& b) { return {a.x + b.x, a.y + b.y}; }

// Sums over the threads that make a row, the same for all of them.
template <int Threads>
class RowSums {
  static constexpr int warps = Threads / 32;

 public:
  static constexpr int slots = 2 * warps;
  __device__ __forceinline__ explicit RowSums(float2* memory) : slots_(memory) {}
  __device__ __forceinline__ float2 operator()(float2 value) {
    add_lanes<32>(value);
    float2* slots = slots_ + part_ * warps;
    part_ ^= 1;
    if (threadIdx.x % 32 == 0) slots[threadIdx.x / 32 % warps] = value;
    norm_sync<Threads>();
    value = slots[threadIdx.x % warps];
    add_lanes<warps>(value);
    return value;
  }

 private:
  template <int Lanes>
  static __device__ __forceinline__ void add_lanes(float2& value) {
#pragma unroll
    for (int offset = Lanes / 2; offset > 0; offset /= 2) {
      value.x += __shfl_xor_sync(0xFFFFFFFFu, value.x, offset);
      value.y += __shfl_xor_sync(0xFFFFFFFFu, value.y, offset);
    }
  }
  float2* slots_;
  int part_ = 0;  // alternates: who is late may still read the other one
};

// The vectors of a norm, wherever they are. Number 0 comes before the first layer; each layer then has two, before its
// third matrix and after its last.
struct NormVectors {
  const float* product_bias;  // nullptr: nothing is added
  Norm sandwich, norm, last;  // without weights: none

  __device__ __forceinline__ NormVectors(const Model& m, int number) {
    const Layer* layer = m.layer + (number - 1) / 2;
    const bool middle = number % 2 == 1, end = number == 2 * m.layers;
    product_bias = number == 0 ? nullptr : middle ? layer->dense.bias : layer->down.bias;
    sandwich = number == 0 ? Norm{} : middle ? layer->first_addition_norm : layer->second_addition_norm;
    norm = middle        ? layer->post_attention_norm
           : end         ? m.final_norm
           : number == 0 ? m.layer->input_norm
                         : layer[1].input_norm;
    last = end ? m.logits_norm : Norm{};
  }
};

// Room for two norms' vectors in shared memory: norm_room_bytes.
class NormRoom {
 public:
  static constexpr int sets = 2;

  __device__ __forceinline__ NormRoom(char* memory, int hidden)
      : memory_(reinterpret_cast<float*>(memory)), hidden_(hidden) {}

  // By one thread: asks for what is there of a norm.
  __device__ __forceinline__ void ask(const Model& m, int number, std::uint64_t* full) const {
    const NormVectors from(m, number);
    const NormVectors to = place(from, number);
    const std::uint32_t bytes = hidden_ * sizeof(float);
    barrier_expect(full, bytes * ((from.product_bias != nullptr) + 2 * (from.sandwich.weight != nullptr) + 2 +
                                  2 * (from.last.weight != nullptr)));
    const std::uint64_t policy = policy_evict_first();
    const auto copy = [&](const float* where, const float* what) {
      if (where != nullptr) bulk_copy(const_cast<float*>(where), what, bytes, full, policy);
    };
    copy(to.product_bias, from.product_bias);
    copy(to.sandwich.weight, from.sandwich.weight);
    copy(to.sandwich.bias, from.sandwich.bias);
    copy(to.norm.weight, from.norm.weight);
    copy(to.norm.bias, from.norm.bias);
    copy(to.last.weight, from.last.weight);
    copy(to.last.bias, from.last.bias);
  }

  // Where they go, nullptr for those that are not there. The last set's two stand alone, after both rooms.
  __device__ __forceinline__ NormVectors place(NormVectors vectors, int number) const {
    float* room = memory_ + number % sets * (norm_vectors * hidden_);
    const auto put = [&](const float*& vector, float* where) {
      if (vector != nullptr) vector = where;
    };
    const auto put_pair = [&](Norm& pair, float* where) {
      if (pair.weight == nullptr) {
        pair.bias = nullptr;
        return;
      }
      pair = {where, where + hidden_};
    };
    put(vectors.product_bias, room);
    put_pair(vectors.sandwich, room + hidden_);
    put_pair(vectors.norm, room + 3 * hidden_);
    put_pair(vectors.last, memory_ + sets * norm_vectors * hidden_);
    return vectors;
  }

 private:
  float* memory_;
  int hidden_;
};

// x = (x - mean) / sqrt(variance + 1e-5) * weight + bias. The variance as the mean of squares less the square of the
// mean: fp32 sums are exact enough for activations in 16 bits, and one exchange between threads does.
template <int Threads>
__device__ __forceinline__ void normalise(Slice<Threads>& x, int count, const Norm& by, RowSums<Threads>& sums) {
  float2 sum{0, 0};
  x.each(count, [&](const float2& v, int) { sum = sum + float2{v.x + v.y, v.x * v.x + v.y * v.y}; });
  sum = sums(sum);
  const float mean = sum.x / count;
  const float scale = rsqrtf(fmaxf(sum.y / count - mean * mean, 0.0f) + 1e-5f);
  x.each(count, [&](float2& v, int k) {
    const float2 w = at(by.weight, k), b = at(by.bias, k);
    v = {(v.x - mean) * scale * w.x + b.x, (v.y - mean) * scale * w.y + b.y};
  });
}

// sum += the partial products of a row, in order.
template <int Threads>
__device__ __forceinline__ void add_partial(Slice<Threads>& sum, const Model& m, const Buffers& b, int splits,
                                            std::uint32_t stamp, int row) {
  const int hidden = m.hidden;
  const std::size_t next = std::size_t(b.rows) * hidden;
  const StampedWord* partial = b.partial + std::size_t(row) * hidden + sum.start(0);
  constexpr int pairs = Slice<Threads>::pairs, together = Threads / 32 / pairs;  // as registers allow
  for (int split = 0; split < splits; split += together, partial += together * next) {
    StampedPair words[together * pairs];
    receive(
        words, [&](int i) { return split + i / pairs < splits && sum.start(i % pairs) < hidden; },
        [&](int i) { return partial + i / pairs * next + i % pairs * Threads * 2; }, stamp);
#pragma unroll
    for (int i = 0; i < together * pairs; ++i) {
      if (split + i / pairs >= splits) continue;
      const uint2 data = words[i].data();
      float2& to = sum.v[i % pairs];
      to = to + float2{__uint_as_float(data.x), __uint_as_float(data.y)};
    }
  }
}

// x += sandwich(clamp(sum of partial products + bias)); activations = last(norm(x)). The clamp after attention alone.
template <int NT, typename T>
__device__ __forceinline__ void norm_row(const Model& m, const Buffers& b, const NormVectors& vectors, int number,
                                         int row, std::uint32_t stamp, RowSums<norm_threads<NT>>& sums) {
  using Numbers = Slice<norm_threads<NT>>;
  const int hidden = m.hidden;
  float* residual = b.x + std::size_t(row) * hidden;
  const int thread = fresh_thread();
  Numbers x(thread);
  x.each(hidden, [&](float2& v, int k) { v = __ldcg(reinterpret_cast<const float2*>(residual + k)); });
  if (vectors.product_bias != nullptr) {
    const bool middle = number % 2 == 1;
    Numbers sum(thread);
    sum.each(hidden, [&](float2& v, int k) { v = at(vectors.product_bias, k); });
    add_partial(sum, m, b, middle ? m.dense_splits : m.down_splits, stamp - 1, row);
    if (middle) {
      const auto clamp = [](float v) { return fminf(fmaxf(v, -65504.0f), 65504.0f); };
      sum.each(hidden, [&](float2& v, int) { v = {clamp(v.x), clamp(v.y)}; });
    }
    if (vectors.sandwich.weight != nullptr) normalise(sum, hidden, vectors.sandwich, sums);
#pragma unroll
    for (int g = 0; g < Numbers::pairs; ++g) x.v[g] = x.v[g] + sum.v[g];
    x.each(hidden, [&](const float2& v, int k) { *reinterpret_cast<float2*>(residual + k) = v; });
  }
  normalise(x, hidden, vectors.norm, sums);
  if (vectors.last.weight != nullptr) normalise(x, hidden, vectors.last, sums);
  x.each(hidden, [&](const float2& v, int k) {
    const std::uint32_t pair = pack_pair<T>(v.x, v.y);
    if constexpr (stamps_activations(NT * 8))
      store_stamped(static_cast<StampedWord*>(b.activations) + (std::size_t(row) * hidden + k) / 2, pair, stamp);
    else
      *reinterpret_cast<std::uint32_t*>(static_cast<T*>(b.activations) + activation_offset(k, row, NT)) = pair;
  });
}

// Shared by the threads of a block that makes norms.
struct NormState {
  std::uint64_t full[NormRoom::sets];  // the vectors are there
  int made;                            // warps that have written a row, of all rows so far
  float2 slots[RowSums<most_norm_threads>::slots];
};

// The rows of a block that does nothing else.
template <typename Visit>
__device__ __forceinline__ void for_rows_apart(const PassArguments& a, BlockState& state, const Visit& visit) {
  for (int i = int(blockIdx.x) - a.workers; i < state.rows; i += int(gridDim.x) - a.workers) visit(state.active[i]);
}

// All norms of a pass.
template <int NT, typename T>
__device__ void serve_norms(const PassArguments& a, BlockState& state, char* shared, NormState& mine) {
  constexpr int sets = NormRoom::sets;
  const Model& m = a.model;
  const NormRoom room(shared, m.hidden);
  const int norms = 2 * m.layers + 1;
  RowSums<norm_threads<NT>> sums(mine.slots);
  if (threadIdx.x == 0)
    for (int i = 0; i < sets; ++i) room.ask(m, i, &mine.full[i]);
  for (int i = 0; i < norms; ++i) {
    const NormVectors vectors = room.place(NormVectors(m, i), i);
    barrier_wait(&mine.full[i % sets], i / sets % 2);
    for_rows_apart(a, state, [&](int row) {
      norm_row<NT, T>(m, a.buffers, vectors, i, row, state.stamp + i, sums);
      if constexpr (!stamps_activations(NT * 8)) {
        proxy_fence();
        __threadfence_block();
        __syncwarp();
        if (threadIdx.x % 32 == 0) atomicAdd_block(&mine.made, 1);
      }
    });
    norm_sync<norm_threads<NT>>();
    if (threadIdx.x == 0 && i + sets < norms) room.ask(m, i + sets, &mine.full[i % sets]);
  }
}

// Tells the other blocks of rows: a thread of its own, for the release waits until what was written is seen.
template <int NT>
__device__ void announce_norms(const PassArguments& a, BlockState& state, NormState& mine) {
  int warps = 0;
  for (int i = 0; i < 2 * a.model.layers + 1; ++i)
    for_rows_apart(a, state, [&](int) {
      warps += norm_threads<NT> / 32;
      while (reached(mine.made) < warps) {
      }
      count_up(a.buffers.meeting->normed);
    });
}

// One norm, by the threads that attend: a row a block where there are as many blocks.
template <int NT, typename T>
__device__ void make_norm(const PassArguments& a, BlockState& state, int number, RowSums<norm_threads<NT>>& sums) {
  if (int(blockIdx.x) >= state.rows) return;
  const NormVectors vectors(a.model, number);
  for (int i = blockIdx.x; i < state.rows; i += a.workers) {
    norm_row<NT, T>(a.model, a.buffers, vectors, number, state.active[i], state.stamp + number, sums);
    proxy_fence();
    norm_sync<norm_threads<NT>>();
    if (threadIdx.x % norm_threads<NT> == 0) count_up(a.buffers.meeting->normed);
  }
}

}  // namespace kandinsky::cuda
