#pragma once
#include "kernels/cuda/async_copy.cuh"
#include "kernels/cuda/attention.cuh"
#include "kernels/cuda/block_state.cuh"
#include "kernels/cuda/device_math.cuh"
#include "kernels/cuda/pass_variant.cuh"
#include "kernels/cuda/stamped.cuh"

namespace kandinsky::cuda {

// The residual additions and layer norms between the products, made by a few blocks that do nothing else: reads of
// theirs wait behind no stream of weights, and their shared memory holds the norms' vectors ahead of time. A row is
// made by a team of threads: all of a block, or half of them where there are more rows than blocks.
constexpr int most_norm_threads = 512;
constexpr int most_norm_teams = 2;
constexpr int most_hidden = 4096;

template <int Threads>
__device__ __forceinline__ void norm_sync(int team) {
  asm volatile("bar.sync %0, %1;" ::"r"(4 + team), "n"(Threads) : "memory");
}

// Numbers of a row, dealt out over the threads that make it in fours, so that neighbouring threads read neighbours.
template <int Threads>
struct Slice {
  static constexpr int fours = most_hidden / Threads / 4;
  float4 v[fours];
  int thread;  // read anew for each row: what follows from it would be kept, out of registers, from row to row

  __device__ __forceinline__ explicit Slice(int fresh) : thread(fresh % Threads) {}
  __device__ __forceinline__ int start(int i) const { return (thread + i * Threads) * 4; }
  // visit(the numbers from k on, k) of every four that are there.
  template <typename Visit>
  __device__ __forceinline__ void each(int count, const Visit& visit) {
#pragma unroll
    for (int i = 0; i < fours; ++i)
      if (const int k = start(i); k < count) visit(v[i], k);
  }
};

__device__ __forceinline__ float4 at(const float* p, int k) { return *reinterpret_cast<const float4*>(p + k); }
__device__ __forceinline__ float2 operator+(const float2& a, const float2& b) { return {a.x + b.x, a.y + b.y}; }
__device__ __forceinline__ float4 operator+(const float4& a, const float4& b) {
  return {a.x + b.x, a.y + b.y, a.z + b.z, a.w + b.w};
}

// Means over the numbers of a row, the same for all its threads and for any number of threads: as if each had
// most_hidden / most_norm_threads numbers, smaller teams keep several such shares apart.
constexpr int row_sum_warps = most_norm_threads / 32;
constexpr int row_sum_slots = 2 * row_sum_warps;  // of a team
template <int Threads>
class RowMeans {
  static constexpr int warps = Threads / 32;

 public:
  static constexpr int shares = most_norm_threads / Threads;
  __device__ __forceinline__ RowMeans(float2* memory, int team, int count)
      : slots_(memory + team * row_sum_slots), inverse_(1.0f / count), team_(team) {}
  __device__ __forceinline__ float2 operator()(float2 (&values)[shares]) {
    float2* slots = slots_ + part_ * row_sum_warps;
    part_ ^= 1;
#pragma unroll
    for (int i = 0; i < shares; ++i) {
      add_lanes<32>(values[i]);
      if (threadIdx.x % 32 == 0) slots[i * warps + threadIdx.x / 32 % warps] = values[i];
    }
    norm_sync<Threads>(team_);
    float2 value = slots[threadIdx.x % row_sum_warps];
    add_lanes<row_sum_warps>(value);
    return {value.x * inverse_, value.y * inverse_};
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
  float inverse_;
  int team_;
  int part_ = 0;  // alternates: who is late may still read the other one
};

// The vectors of a norm, wherever they are. Number 0 comes before the first layer; each layer then has two, before its
// third matrix and after its last.
struct NormVectors {
  const float* product_bias;  // nullptr: nothing is added
  Norm sandwich, norm, last;  // without weights: none

  static __device__ __forceinline__ NormVectors of(const Model& m, int number) {
    const Layer* layer = m.layer + (number - 1) / 2;
    const bool middle = number % 2 == 1, end = number == 2 * m.layers;
    return {number == 0 ? nullptr
            : middle    ? layer->dense.bias
                        : layer->down.bias,
            number == 0 ? Norm{}
            : middle    ? layer->first_addition_norm
                        : layer->second_addition_norm,
            middle        ? layer->post_attention_norm
            : end         ? m.final_norm
            : number == 0 ? m.layer->input_norm
                          : layer[1].input_norm,
            end ? m.logits_norm : Norm{}};
  }
};

// Room for two norms' vectors in shared memory: norm_room_bytes.
class NormRoom {
 public:
  static constexpr int sets = 2;

  __device__ __forceinline__ NormRoom(char* memory, int hidden)
      : memory_(reinterpret_cast<float*>(memory)), hidden_(hidden) {}

  // By one thread: asks for what is there of a norm, and says where it will be.
  __device__ __forceinline__ void ask(const Model& m, int number, NormVectors& to, std::uint64_t* full) const {
    const NormVectors from = NormVectors::of(m, number);
    to = place(from, number);
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

 private:
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

  float* memory_;
  int hidden_;
};

// x = (x - mean) / sqrt(variance + 1e-5) * weight + bias. The variance as the mean of squares less the square of the
// mean: fp32 sums are exact enough for activations in 16 bits, and one exchange between threads does.
template <int Threads>
__device__ __forceinline__ void normalise(Slice<Threads>& x, int count, const Norm& by, RowMeans<Threads>& means) {
  float2 shares[RowMeans<Threads>::shares] = {};
#pragma unroll
  for (int i = 0; i < Slice<Threads>::fours; ++i) {
    const float4 v = x.v[i];
    float2& share = shares[i % RowMeans<Threads>::shares];
    if (x.start(i) < count)
      share = share + float2{(v.x + v.y) + (v.z + v.w), fmaf(v.x, v.x, v.y * v.y) + fmaf(v.z, v.z, v.w * v.w)};
  }
  const float2 moments = means(shares);
  const float mean = moments.x;
  const float scale = rsqrtf(fmaxf(moments.y - mean * mean, 0.0f) + 1e-5f);
  x.each(count, [&](float4& v, int k) {
    const float4 w = at(by.weight, k), b = at(by.bias, k);
    v = {(v.x - mean) * scale * w.x + b.x, (v.y - mean) * scale * w.y + b.y, (v.z - mean) * scale * w.z + b.z,
         (v.w - mean) * scale * w.w + b.w};
  });
}

// sum += the partial products of a row, in order.
template <int Threads>
__device__ __forceinline__ void add_partial(Slice<Threads>& sum, const Model& m, const Buffers& b, int splits,
                                            std::uint32_t stamp, int row) {
  const int hidden = m.hidden;
  const unsigned next = unsigned(b.rows) * hidden / 2;
  const StampedWord* partial = b.partial + (std::size_t(row) * hidden + sum.start(0)) / 2;
  constexpr int fours = Slice<Threads>::fours, together = 8 / fours;  // as registers allow
  for (int split = 0; split < splits; split += together, partial += together * next) {
    StampedSums words[together * fours] = {};
    receive_sums(
        words, [&](int i) { return split + i / fours < splits && sum.start(i % fours) < hidden; },
        [&](int i) { return partial + i / fours * next + i % fours * Threads * 2; }, stamp);
#pragma unroll
    for (int i = 0; i < together * fours; ++i) sum.v[i % fours] = sum.v[i % fours] + words[i].data();
  }
}

// x += sandwich(clamp(sum of partial products + bias)); activations = last(norm(x)). The clamp after attention alone.
template <int NT, typename T, int Threads>
__device__ __forceinline__ void norm_row(const Model& m, const Buffers& b, const NormVectors& vectors, int number,
                                         int row, std::uint32_t stamp, RowMeans<Threads>& means) {
  using Numbers = Slice<Threads>;
  const int hidden = m.hidden;
  float* residual = b.x + std::size_t(row) * hidden;
  const int thread = fresh_thread();
  Numbers x(thread);
  x.each(hidden, [&](float4& v, int k) { v = __ldcg(reinterpret_cast<const float4*>(residual + k)); });
  if (vectors.product_bias != nullptr) {
    const bool middle = number % 2 == 1;
    Numbers sum(thread);
    sum.each(hidden, [&](float4& v, int k) { v = at(vectors.product_bias, k); });
    add_partial(sum, m, b, middle ? m.dense_splits : m.down_splits, stamp - 1, row);
    if (middle) {
      const auto clamp = [](float v) { return fminf(fmaxf(v, -65504.0f), 65504.0f); };
      sum.each(hidden, [&](float4& v, int) { v = {clamp(v.x), clamp(v.y), clamp(v.z), clamp(v.w)}; });
    }
    if (vectors.sandwich.weight != nullptr) normalise(sum, hidden, vectors.sandwich, means);
#pragma unroll
    for (int i = 0; i < Numbers::fours; ++i) x.v[i] = x.v[i] + sum.v[i];
    x.each(hidden, [&](const float4& v, int k) { *reinterpret_cast<float4*>(residual + k) = v; });
  }
  normalise(x, hidden, vectors.norm, means);
  if (vectors.last.weight != nullptr) normalise(x, hidden, vectors.last, means);
  x.each(hidden, [&](const float4& v, int k) {
    const uint2 pairs = {pack_pair<T>(v.x, v.y), pack_pair<T>(v.z, v.w)};
    if constexpr (stamps_activations(NT * 8)) {
      StampedWord* to = static_cast<StampedWord*>(b.activations) + (std::size_t(row) * hidden + k) / 2;
      store_stamped(to, pairs.x, stamp);
      store_stamped(to + 1, pairs.y, stamp);
    } else {
      *reinterpret_cast<uint2*>(static_cast<T*>(b.activations) + activation_offset(k, row, NT)) = pairs;
    }
  });
}

// Shared by the threads of a block that makes norms.
struct NormState {
  std::uint64_t full[NormRoom::sets];  // the vectors are there
  NormVectors vectors[NormRoom::sets];
  int made;  // warps that have written a row, of all rows so far
  float2 slots[most_norm_teams * row_sum_slots];
};

// The rows of a team of a block that does nothing else.
template <typename Visit>
__device__ __forceinline__ void for_rows_apart(const PassArguments& a, BlockState& state, int team, int teams,
                                               const Visit& visit) {
  const int apart = int(gridDim.x) - a.workers;
  for (int i = int(blockIdx.x) - a.workers + team * apart; i < state.rows; i += teams * apart) visit(state.active[i]);
}

// All norms of a pass, by teams of so many threads.
template <int NT, typename T, int Threads>
__device__ void serve_norms(const PassArguments& a, BlockState& state, char* shared, NormState& mine) {
  constexpr int sets = NormRoom::sets, teams = most_norm_threads / Threads;
  const Model& m = a.model;
  const NormRoom room(shared, m.hidden);
  const int norms = 2 * m.layers + 1, team = threadIdx.x / Threads;
  RowMeans<Threads> means(mine.slots, team, m.hidden);
  if (threadIdx.x == 0)
    for (int i = 0; i < sets; ++i) room.ask(m, i, mine.vectors[i], &mine.full[i]);
  for (int i = 0; i < norms; ++i) {
    barrier_wait(&mine.full[i % sets], i / sets % 2);
    for_rows_apart(a, state, team, teams, [&](int row) {
      norm_row<NT, T>(m, a.buffers, mine.vectors[i % sets], i, row, state.stamp + i, means);
      if constexpr (!stamps_activations(NT * 8)) {
        proxy_fence();
        __threadfence_block();
        __syncwarp();
        if (threadIdx.x % 32 == 0) atomicAdd_block(&mine.made, 1);
      }
    });
    norm_sync<most_norm_threads>(teams);
    if (threadIdx.x == 0 && i + sets < norms) room.ask(m, i + sets, mine.vectors[i % sets], &mine.full[i % sets]);
  }
}

// Whether the blocks that make norms share themselves out among two rows at a time.
__device__ __forceinline__ bool two_norm_teams(const PassArguments& a, const BlockState& state) {
  return state.rows > int(gridDim.x) - a.workers;
}

// Tells the other blocks of rows: a thread of its own, for the release waits until what was written is seen. With two
// teams any share of a row's warps counts for a row: the others wait for all rows.
inline __device__ void announce_norms(const PassArguments& a, BlockState& state, NormState& mine) {
  const int warps_a_row = most_norm_threads / 32 / (two_norm_teams(a, state) ? most_norm_teams : 1);
  int warps = 0;
  for (int i = 0; i < 2 * a.model.layers + 1; ++i)
    for_rows_apart(a, state, 0, 1, [&](int) {
      warps += warps_a_row;
      while (reached(mine.made) < warps) {
      }
      count_up(a.buffers.meeting->normed);
    });
}

}  // namespace kandinsky::cuda
