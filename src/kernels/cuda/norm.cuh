#pragma once
#include "kernels/cuda/async_copy.cuh"
#include "kernels/cuda/attention.cuh"
#include "kernels/cuda/block_state.cuh"
#include "kernels/cuda/device_math.cuh"
#include "kernels/cuda/marked.cuh"
#include "kernels/cuda/pass_variant.cuh"
#include "kernels/cuda/stamped.cuh"

namespace kandinsky::cuda {

// The residual additions and layer norms between the products. A few blocks do nothing else, each for a row: reads of
// theirs wait behind no stream of weights, and their shared memory holds the norms' vectors ahead of time. Of more
// rows, each is made by the threads of another block that attend, which have nothing else to do then.
constexpr int norm_threads = 512;  // of a block that does nothing else
constexpr int most_hidden = 4096;

// Where the threads of a block that make a row exchange sums, and wait for each other.
constexpr int norm_shares = norm_threads / 32;
struct NormMeeting {
  float2 sums[2][norm_shares];
  std::uint64_t barrier;  // of attention_threads

  // Among Threads: of a block that does nothing else, or those that attend.
  template <int Threads>
  __device__ __forceinline__ void sync() {
    if constexpr (Threads == norm_threads)
      asm volatile("bar.sync 4, %0;" ::"n"(norm_threads) : "memory");
    else
      barrier_meet(&barrier);
  }
};

// Numbers of a row, dealt out over the threads that make it in fours, so that neighbouring threads read neighbours.
template <int Threads>
struct Slice {
  static constexpr int fours = most_hidden / Threads / 4;
  float4 v[fours] = {};
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

// Means over the numbers of a row, the same for all its threads and for any number of them: as if each had
// most_hidden / norm_threads numbers, fewer threads keep several such shares apart.
template <int Threads>
class RowMeans {
  static constexpr int warps = Threads / 32;

 public:
  static constexpr int shares = norm_threads / Threads;
  __device__ __forceinline__ RowMeans(NormMeeting& meeting, int count)
      : meeting_(meeting), inverse_(reciprocal(count)) {}
  __device__ __forceinline__ float2 operator()(float2 (&values)[shares]) {
    float2* sums = meeting_.sums[part_];
    part_ ^= 1;
#pragma unroll
    for (int i = 0; i < shares; ++i) {
      add_lanes<32>(values[i]);
      if (threadIdx.x % 32 == 0) sums[i * warps + threadIdx.x / 32 % warps] = values[i];
    }
    meeting_.sync<Threads>();
    float2 value = sums[threadIdx.x % norm_shares];
    add_lanes<norm_shares>(value);
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
  NormMeeting& meeting_;
  float inverse_;
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
    const std::uint64_t policy = policy_evict_last();  // those who make other rows read them, too
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

// A norm's weight and bias: of a block that makes nothing but norms in shared memory, else asked for before they are
// needed.
template <int Threads>
class NormNumbers {
  static constexpr bool nearby = Threads == norm_threads;

 public:
  __device__ __forceinline__ NormNumbers(const Norm& by, int thread) : by_(by), weight_(thread), bias_(thread) {}
  __device__ __forceinline__ void ask(int count) {
    const Norm by = by_;
    if (nearby || by.weight == nullptr) return;
    weight_.each(count, [&](float4& v, int k) { v = at(by.weight, k); });
    bias_.each(count, [&](float4& v, int k) { v = at(by.bias, k); });
  }
  __device__ __forceinline__ float4 weight(int i, int k) const { return nearby ? at(by_.weight, k) : weight_.v[i]; }
  __device__ __forceinline__ float4 bias(int i, int k) const { return nearby ? at(by_.bias, k) : bias_.v[i]; }

 private:
  const Norm& by_;
  Slice<Threads> weight_, bias_;
};

// x = (x - mean) / sqrt(variance + 1e-5) * weight + bias. The variance as the mean of squares less the square of the
// mean: fp32 sums are exact enough for activations in 16 bits, and one exchange between threads does.
template <int Threads>
__device__ __forceinline__ void normalise(Slice<Threads>& x, int count, const NormNumbers<Threads>& by,
                                          RowMeans<Threads>& means) {
  constexpr int fours = Slice<Threads>::fours;
  float2 shares[RowMeans<Threads>::shares] = {};
#pragma unroll
  for (int i = 0; i < fours; ++i) {
    const float4 v = x.v[i];
    float2& share = shares[i % RowMeans<Threads>::shares];
    if (x.start(i) < count)
      share = share + float2{(v.x + v.y) + (v.z + v.w), fmaf(v.x, v.x, v.y * v.y) + fmaf(v.z, v.z, v.w * v.w)};
  }
  const float2 moments = means(shares);
  const float mean = moments.x;
  const float scale = rsqrtf(fmaxf(moments.y - mean * mean, 0.0f) + 1e-5f);
#pragma unroll
  for (int i = 0; i < fours; ++i) {
    if (x.start(i) >= count) continue;
    float4& v = x.v[i];
    const float4 w = by.weight(i, x.start(i)), b = by.bias(i, x.start(i));
    v = {(v.x - mean) * scale * w.x + b.x, (v.y - mean) * scale * w.y + b.y, (v.z - mean) * scale * w.z + b.z,
         (v.w - mean) * scale * w.w + b.w};
  }
}

// sum += the partial products of a row, in order. Where the block has other work, too, one is watched until it comes:
// what is asked for in vain slows everybody down.
template <int Threads>
__device__ __forceinline__ void add_partial(Slice<Threads>& sum, const Model& m, const Buffers& b, int splits,
                                            std::uint32_t stamp, int row) {
  const int hidden = m.hidden;
  const unsigned next = unsigned(b.rows) * hidden / 2;
  const StampedWord* partial = b.partial + (std::size_t(row) * hidden + sum.start(0)) / 2;
  constexpr int fours = Slice<Threads>::fours, together = 8 / fours;  // as registers allow
  if (Threads < norm_threads && sum.start(0) < hidden)
    for (StampedSums last;
         last.load(partial + (splits - 1) * next), (last.differs(stamp) & StampedSums::stamp_bits) != 0;)
      __nanosleep(20);
  __syncwarp();
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
  const int hidden = m.hidden;
  float* residual = b.x + std::size_t(row) * hidden;
  const int thread = fresh_thread();
  NormNumbers<Threads> norm(vectors.norm, thread);
  Slice<Threads> x(thread);
  x.each(hidden, [&](float4& v, int k) { v = __ldcg(reinterpret_cast<const float4*>(residual + k)); });
  if (vectors.product_bias != nullptr) {
    const bool middle = number % 2 == 1;
    Slice<Threads> sum(thread);
    sum.each(hidden, [&](float4& v, int k) { v = at(vectors.product_bias, k); });
    NormNumbers<Threads> sandwich(vectors.sandwich, thread);
    sandwich.ask(hidden);
    add_partial(sum, m, b, middle ? m.hidden_splits : m.down_splits, stamp - 1, row);
    norm.ask(hidden);
    if (middle) {
      const auto clamp = [](float v) { return fminf(fmaxf(v, -65504.0f), 65504.0f); };
      sum.each(hidden, [&](float4& v, int) { v = {clamp(v.x), clamp(v.y), clamp(v.z), clamp(v.w)}; });
    }
    if (vectors.sandwich.weight != nullptr) normalise(sum, hidden, sandwich, means);
#pragma unroll
    for (int i = 0; i < Slice<Threads>::fours; ++i) x.v[i] = x.v[i] + sum.v[i];
    x.each(hidden, [&](const float4& v, int k) { *reinterpret_cast<float4*>(residual + k) = v; });
  }
  if (vectors.product_bias == nullptr) norm.ask(hidden);
  normalise(x, hidden, norm, means);
  if (vectors.last.weight != nullptr) {
    NormNumbers<Threads> last(vectors.last, thread);
    last.ask(hidden);
    normalise(x, hidden, last, means);
  }
  if constexpr (marks_activations(NT * 8)) {
    const MarkedTurn turn(b.activations, b.rows, hidden, stamp);
    const auto place = [&](int k) { return marked_place<NT>(k, row, hidden); };
    x.each(hidden, [&](const float4& v, int k) { store_marked(turn.now() + place(k), pack_quad<T>(v)); });
    x.each(hidden, [&](const float4&, int k) { store_marked(turn.before() + place(k), {unwritten, unwritten}); });
  } else {
    x.each(hidden, [&](const float4& v, int k) {
      *reinterpret_cast<uint2*>(static_cast<T*>(b.activations) + activation_offset(k, row, NT)) = pack_quad<T>(v);
    });
  }
}

// Shared by the threads of a block that make norms.
struct NormState {
  std::uint64_t full[NormRoom::sets];  // the vectors are there
  NormVectors vectors[NormRoom::sets];
  int made;  // warps that have written a row, of all norms so far
  NormMeeting meeting;
};

// Of a block that does nothing else: its place among the rows.
__device__ __forceinline__ int place_apart(const BlockState& state) { return int(blockIdx.x) - state.workers; }

// All norms of a row, by norm_threads threads.
template <int NT, typename T>
__device__ void serve_norms(const PassArguments& a, BlockState& state, char* shared, NormState& mine) {
  constexpr int sets = NormRoom::sets;
  const Model& m = a.model;
  const NormRoom room(shared, m.hidden);
  const int norms = 2 * m.layers + 1;
  RowMeans<norm_threads> means(mine.meeting, m.hidden);
  if (threadIdx.x == 0)
    for (int i = 0; i < sets; ++i) room.ask(m, i, mine.vectors[i], &mine.full[i]);
  for (int i = 0; i < norms; ++i) {
    barrier_wait(&mine.full[i % sets], i / sets % 2);
    norm_row<NT, T>(m, a.buffers, mine.vectors[i % sets], i, state.active[place_apart(state)], state.stamp + i, means);
    if constexpr (marks_activations(NT * 8)) {
      if (place_apart(state) == 0 && threadIdx.x == 0) tell_norm(*a.buffers.meeting, state.stamp + i);
      marks_fence();
    } else {
      proxy_fence();
      __threadfence_block();
      __syncwarp();
      if (threadIdx.x % 32 == 0) atomicAdd_block(&mine.made, 1);
    }
    mine.meeting.sync<norm_threads>();
    if (threadIdx.x == 0 && i + sets < norms) room.ask(m, i + sets, mine.vectors[i % sets], &mine.full[i % sets]);
  }
}

// Tells the other blocks of the row: a thread of its own, for the release waits until what was written is seen.
inline __device__ void announce_norms(const PassArguments& a, BlockState& state, NormState& mine) {
  for (int i = 1; i <= 2 * a.model.layers + 1; ++i) {
    while (atomicAdd_block(&mine.made, 0) < i * (norm_threads / 32)) {
    }
    __threadfence_block();
    count_up(a.buffers.meeting->normed);
  }
}

// Norm number `number` of the rows for which there is no block apart, by the threads of a block that attend.
template <int NT, typename T>
__device__ __forceinline__ void make_norm(const PassArguments& a, BlockState& state, NormState& mine, int number) {
  int place = int(gridDim.x) - state.workers + fresh_block();
  if (place >= state.rows) return;
  NormVectors& vectors = mine.vectors[number % 2];  // registers are few
  if (threadIdx.x % attention_threads == 0) vectors = NormVectors::of(a.model, number);
  mine.meeting.sync<attention_threads>();
  RowMeans<attention_threads> means(mine.meeting, a.model.hidden);
  wait_reached(state.multiplied, product_parts * (number / 2 * products_a_layer + (number % 2 == 1 ? up : 0)));
  for (; place < state.rows; place += state.workers) {
    norm_row<NT, T>(a.model, a.buffers, vectors, number, state.active[place], state.stamp + number, means);
    if constexpr (!marks_activations(NT * 8)) proxy_fence();
    mine.meeting.sync<attention_threads>();
    if (!marks_activations(NT * 8) && threadIdx.x % attention_threads == 0) count_up(a.buffers.meeting->normed);
  }
}

}  // namespace kandinsky::cuda
