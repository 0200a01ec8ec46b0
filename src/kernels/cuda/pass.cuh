#pragma once
#include "kernels/cuda/async_copy.cuh"
#include "kernels/cuda/attention.cuh"
#include "kernels/cuda/block_state.cuh"
#include "kernels/cuda/copiers.cuh"
#include "kernels/cuda/device_math.cuh"
#include "kernels/cuda/items.cuh"
#include "kernels/cuda/norm.cuh"
#include "kernels/cuda/product.cuh"
#include "kernels/cuda/stamped.cuh"

namespace kandinsky::cuda {

// A block that multiplies has two groups of four warps for that, one for the copies and two for attention.
constexpr int consumers = 256, copiers = 128;
constexpr int threads = consumers + copiers + attention_threads;
static_assert(threads % 128 == 0 && threads > norm_threads);

// Registers of a thread of each kind; a group changes its share in multiples of eight. Together no more than what the
// block starts with.
constexpr int start_registers = 65536 / threads / 8 * 8;
template <int NT>
struct Registers {
  static constexpr int consumer = NT <= 2 ? 56 : NT == 4 ? 72 : 80;
  static constexpr int copier = NT == 1 ? 72 : 48;
  static constexpr int attention =
      (threads * start_registers - consumers * consumer - copiers * copier) / attention_threads / 8 * 8;
};
template <int Count>
__device__ __forceinline__ void take_registers() {
  if constexpr (Count < start_registers) asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(Count));
  if constexpr (Count > start_registers) asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(Count));
}

// Among the threads that multiply.
__device__ __forceinline__ void consumer_sync() { asm volatile("bar.sync 1, %0;" ::"n"(consumers) : "memory"); }

template <int NT, typename T>
__device__ void consume(const PassArguments& a, char* weight_ring, char* activation_ring, std::uint64_t* weight_full,
                        std::uint64_t* weight_empty, std::uint64_t* activation_full, std::uint64_t* activation_empty,
                        BlockState& state) {
  const Model& m = a.model;
  const Buffers& b = a.buffers;
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  RingPosition weights, activations;
  Items items(a);
  int product = 0;
  items.next();

  // A group of four warps takes half of a tile's outputs.
  const std::uint32_t weight_base = shared_address(weight_ring) + warp / 4 * (row_tile / 16) * block_bytes;
  const std::uint32_t activation_base = shared_address(activation_ring);
  const auto free_stage = [&](int weight_stage, int activation_stage) {
    if (lane != 0) return;
    barrier_arrive(&weight_empty[weight_stage]);
    barrier_arrive(&activation_empty[activation_stage]);
  };

  int phase = 0;
  const auto mark = [&] {
    if (b.profile != nullptr && threadIdx.x == 0) {
      const long long now = clock64();
      state.spent[phase] += now - state.since;
      state.since = now;
    }
    ++phase;
  };
  if (b.profile != nullptr && threadIdx.x == 0) {
    for (long long& spent : state.spent) spent = 0;
    state.since = clock64();
  }
  // epilogue(output, split) gives a function of (row, value of output, value of output + 8). What it reads for that is
  // asked for before the weights come. True if this block had anything to multiply.
  const auto multiply = [&](const auto& epilogue) {
    bool waited = false;
    int made = 0;
    for (; items.product == product; items.next()) {
      const auto put = epilogue(items.tile * row_tile + warp * 16 + lane / 4, items.split);
      if (!waited) {
        barrier_wait(&activation_full[activations.stage], activations.parity);
        mark();
      }
      waited = true;
      float acc[NT][4] = {};
      int last_weights = 0, last_activations = 0;
      for (int i = 0; i < items.count; ++i) {
        barrier_wait(&weight_full[weights.stage], weights.parity);
        barrier_wait(&activation_full[activations.stage], activations.parity);
        groups_begin();
        multiply_stage<NT, T>(weight_base + weights.stage * stage_bytes,
                              activation_base + activations.stage * (NT * 1024), acc);
        groups_commit();
        if (i > 0) {
          groups_wait<1>();
          free_stage(last_weights, last_activations);
        }
        last_weights = weights.stage;
        last_activations = activations.stage;
        weights.next(a.stages);
        activations.next(a.activation_stages);
      }
      groups_finish(acc);
      if (threadIdx.x == 0) reach(state.multiplied, product * product_parts + min(++made, product_parts - 1));
      free_stage(last_weights, last_activations);
      const int n = fresh_thread() % 4 * 2;  // else what follows from it, of every row, would be kept
#pragma unroll
      for (int nt = 0; nt < NT; ++nt)
#pragma unroll
        for (int i = 0; i < 2; ++i) put(nt * 8 + n + i, acc[nt][i], acc[nt][2 + i]);
    }
    ++product;
    if (threadIdx.x == 0) reach(state.multiplied, product * product_parts);
    if (!waited) mark();
    mark();
    return waited;
  };
  // Of two neighbouring lanes' outputs, one lane takes a pair of the low half, the other one of the high half.
  const bool odd = lane / 4 % 2 != 0;
  const auto first_of_pair = [&](int output) { return odd ? output + 7 : output; };
  const auto trade = [=](float low, float high) -> float2 {
    const float got = __shfl_xor_sync(0xFFFFFFFFu, odd ? low : high, 4);
    return odd ? float2{got, high} : float2{low, got};
  };
  const std::uint64_t active = state.active_bits;
  const auto is_active = [&](int n) { return (active >> n & 1) != 0; };

  // What all threads of the block have written is there for whoever sees the count.
  const auto tell = [&](Counter& counter) {
    proxy_fence();
    consumer_sync();
    if (threadIdx.x == 0) count_up(counter);
  };
  // The next layer's description, by the first threads.
  constexpr int pieces = sizeof(Layer) / sizeof(uint4);
  uint4 piece{};
  const auto ask_layer = [&](int i) {
    if (i < m.layers && threadIdx.x < pieces) piece = __ldg(reinterpret_cast<const uint4*>(m.layer + i) + threadIdx.x);
  };
  const auto keep_layer = [&](int i) {
    if (i < m.layers && threadIdx.x < pieces) reinterpret_cast<uint4*>(&state.layer[i % 2])[threadIdx.x] = piece;
    ask_layer(i + 1);
  };

  constexpr bool stamps = stamps_activations(NT * 8);
  const int hidden = m.hidden;
  Meeting& meeting = *b.meeting;

  ask_layer(0);
  keep_layer(0);
  for (int i = 0; i < m.layers; ++i) {
    const Layer& layer = state.layer[i % 2];
    const std::uint32_t stamp = state.stamp + 2 * i;
    phase = 0;
    consumer_sync();  // all have left the layer before
    keep_layer(i + 1);
    consumer_sync();
    const bool wrote = multiply([&](int output, int split) {
      const int first = first_of_pair(output), third = first / hidden, f = first - third * hidden;
      const int head = f / m.head_size, d = f % m.head_size;
      StampedWord* to = b.query_key_value + (std::size_t(split) * b.rows * 3 * hidden + first) / 2;
      return [=, &state, &layer, &a, &m](int n, float low, float high) {
        const float2 sums = trade(low, high);
        if (first >= 3 * hidden || !is_active(n)) return;
        if (third == 0 || !a.texts) {
          StampedSums::store(to + std::size_t(n) * 3 * hidden / 2, sums, stamp);
          return;
        }
        const float* bias = layer.query_key_value.bias + first;
        const std::uint32_t pair = pack_pair<T>(sums.x + bias[0], sums.y + bias[1]);
        const Row& row = state.row[n];
        const std::size_t text_head = std::size_t(i * m.heads + head) * m.text_length * m.head_size;
        if (third == 1) {
          T* key = static_cast<T*>(row.text_keys) + text_head + std::size_t(row.position) * m.head_size + d;
          *reinterpret_cast<std::uint32_t*>(key) = pair;
        } else {
          auto* values = static_cast<std::uint16_t*>(row.text_values) + text_head;
          values[text_value_offset(m, row.position, d)] = static_cast<std::uint16_t>(pair);
          values[text_value_offset(m, row.position, d + 1)] = static_cast<std::uint16_t>(pair >> 16);
        }
      };
    });
    if (a.texts && wrote) tell(meeting.texts);
    const auto store_partial = [&](std::uint32_t stamp) {
      return [=, &b](int output, int split) {
        const int first = first_of_pair(output);
        StampedWord* to = b.partial + (std::size_t(split) * b.rows * hidden + first) / 2;
        return [=](int n, float low, float high) {
          const float2 sums = trade(low, high);
          if (first < hidden && is_active(n)) StampedSums::store(to + std::size_t(n) * hidden / 2, sums, stamp);
        };
      };
    };
    multiply(store_partial(stamp));
    const bool widened = multiply([&](int output, int) {
      const float* biases = layer.up.bias + output;
      const float bias[2] = {biases[0], biases[8]};
      const int first = first_of_pair(output);
      return [=, &b](int n, float low, float high) {
        const float2 numbers = trade(gelu(low + bias[0]), gelu(high + bias[1]));
        const std::uint32_t pair = pack_pair<T>(numbers.x, numbers.y);
        if (first >= 4 * hidden || !is_active(n)) return;
        if constexpr (stamps)
          store_stamped(static_cast<StampedWord*>(b.inner) + (std::size_t(n) * 4 * hidden + first) / 2, pair, stamp);
        else
          *reinterpret_cast<std::uint32_t*>(static_cast<T*>(b.inner) + activation_offset(first, n, NT)) = pair;
      };
    });
    if constexpr (!stamps)
      if (widened) tell(meeting.widened);
    multiply(store_partial(stamp + 1));
  }
  if (a.want_logits) {
    phase = pass_phases - 2;
    const int stride = tiles_of(m.image_vocab) * row_tile;
    multiply([&](int output, int) {
      const float* biases = m.logits.bias + output;
      const float bias[2] = {biases[0], biases[8]};
      float* to = b.logits + output;
      return [=](int n, float low, float high) {
        to[std::size_t(n) * stride] = low + bias[0];
        to[std::size_t(n) * stride + 8] = high + bias[1];
      };
    });
  }
  if (b.profile != nullptr && threadIdx.x == 0)
    for (int i = 0; i < pass_phases; ++i) b.profile[blockIdx.x * pass_phases + i] += state.spent[i];
}

template <int NT, typename T, int HeadSize>
constexpr std::size_t scratch_bytes = (Attention<NT, T, HeadSize>::scratch_bytes + 127) / 128 * 128;

template <int NT, typename T, int HeadSize>
__global__ void __launch_bounds__(threads, 1) pass_kernel(const __grid_constant__ PassArguments a) {
  extern __shared__ __align__(128) char shared[];
  __shared__ BlockState state;
  __shared__ NormState norms;
  char* weight_ring = shared;
  char* activation_ring = weight_ring + a.stages * stage_bytes;
  char* scratch = activation_ring + a.activation_stages * (NT * 1024);
  auto* weight_full = reinterpret_cast<std::uint64_t*>(scratch + scratch_bytes<NT, T, HeadSize>);
  std::uint64_t* weight_empty = weight_full + a.stages;
  std::uint64_t* activation_full = weight_empty + a.stages;
  std::uint64_t* activation_empty = activation_full + a.activation_stages;
  if (threadIdx.x < NT * 8) state.row[threadIdx.x] = a.buffers.row[threadIdx.x];
  __syncthreads();
  if (threadIdx.x == 0) {
    state.describe(a.model, a.buffers);
    for (int i = 0; i < a.stages; ++i) {
      barrier_init(&weight_full[i], 1);
      barrier_init(&weight_empty[i], consumers / 32);
    }
    for (int i = 0; i < a.activation_stages; ++i) {
      barrier_init(&activation_full[i], 1);
      barrier_init(&activation_empty[i], consumers / 32);
    }
    for (std::uint64_t& full : norms.full) barrier_init(&full, 1);
    norms.made = 0;
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
  }
  __syncthreads();
  if (state.rows == 0) {  // nothing to do, and nothing to wait for
  } else if (int(blockIdx.x) >= a.workers) {
    constexpr int spare = threads - norm_threads, spare_registers = 24;
    if (threadIdx.x >= norm_threads) {
      take_registers<spare_registers>();
      if (!stamps_activations(NT * 8) && threadIdx.x == norm_threads) announce_norms(a, state, norms);
    } else {
      take_registers<(threads * start_registers - spare * spare_registers) / norm_threads / 8 * 8>();
      serve_norms<NT, T>(a, state, shared, norms);
    }
  } else if (threadIdx.x < consumers) {
    take_registers<Registers<NT>::consumer>();
    consume<NT, T>(a, weight_ring, activation_ring, weight_full, weight_empty, activation_full, activation_empty,
                   state);
  } else if (threadIdx.x < consumers + copiers) {
    take_registers<Registers<NT>::copier>();
    const int warp = (threadIdx.x - consumers) / 32, lane = threadIdx.x % 32;
    if (warp == 0 && lane == 0) copy_weights(a, state, weight_ring, weight_full, weight_empty);
    if constexpr (stamps_activations(NT * 8)) {
      if (warp == 1 || warp == 2)
        receive_activations(a, state, activation_ring, activation_full, activation_empty, warp - 1, lane);
    } else {
      if (warp == 1 && lane == 0) copy_activations<NT>(a, state, activation_ring, activation_full, activation_empty);
    }
    if (warp == 3) prefetch_layers<NT, T>(a, state, lane);
  } else {
    take_registers<Registers<NT>::attention>();
    for (int norm = 0; norm <= 2 * a.model.layers; ++norm) {
      if constexpr (!norms_apart(NT * 8)) make_norm<NT, T>(a, state, norms, norm);
      if (norm % 2 == 0 && norm < 2 * a.model.layers) attend_layer<NT, T, HeadSize>(a, state, scratch, norm / 2);
    }
  }
  __syncthreads();
  if (threadIdx.x == 0) leave(*a.buffers.meeting, a.model.layers);
}

constexpr std::size_t static_shared_bytes = sizeof(BlockState) + sizeof(NormState);

template <int NT, typename T>
PassVariant pass_variant_of(int head_size) {
  if (head_size > 64) return {pass_kernel<NT, T, 128>, threads, scratch_bytes<NT, T, 128>, static_shared_bytes};
  return {pass_kernel<NT, T, 64>, threads, scratch_bytes<NT, T, 64>, static_shared_bytes};
}

template <int NT>
PassVariant pass_variant(Number number, int head_size) {
  return number == Number::fp16 ? pass_variant_of<NT, __half>(head_size)
                                : pass_variant_of<NT, __nv_bfloat16>(head_size);
}

}  // namespace kandinsky::cuda
