#pragma once
#include "kernels/cuda/async_copy.cuh"
#include "kernels/cuda/attention.cuh"
#include "kernels/cuda/block_state.cuh"
#include "kernels/cuda/copy_counted.cuh"
#include "kernels/cuda/copy_marked.cuh"
#include "kernels/cuda/copy_weights.cuh"
#include "kernels/cuda/device_math.cuh"
#include "kernels/cuda/items.cuh"
#include "kernels/cuda/marked.cuh"
#include "kernels/cuda/norm.cuh"
#include "kernels/cuda/prefetch.cuh"
#include "kernels/cuda/product.cuh"
#include "kernels/cuda/receive_activations.cuh"
#include "kernels/cuda/stamped.cuh"
#include "kernels/cuda/store_sums.cuh"

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
  static constexpr int consumer = NT == 1 ? 32 : NT == 2 ? 56 : NT == 4 ? 72 : 80;
  static constexpr int copier = NT == 1 ? 112 : NT == 2 ? 64 : 48;
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
  Items items(a, state);

  // A group of four warps takes half of a tile's outputs. (The reduction of what is the same in a warp tells the
  // compiler so: descriptors of operands are wanted in registers of warps.)
  const unsigned group = __reduce_max_sync(0xFFFFFFFFu, unsigned(warp / 4));
  const std::uint32_t weight_base =
      operand_at(shared_address(weight_ring) + group * (row_tile / 16) * block_bytes, weights_along_k);
  const std::uint32_t activation_base = operand_at(shared_address(activation_ring), activations_along_k<NT>);
  const std::uint32_t weights_free = kept(shared_address(weight_empty));
  const std::uint32_t activations_free = kept(shared_address(activation_empty));
  const auto free_stage = [&](int weight_stage, int activation_stage) {
    if (lane != 0) return;
    barrier_arrive(weights_free + weight_stage * sizeof(std::uint64_t));
    barrier_arrive(activations_free + activation_stage * sizeof(std::uint64_t));
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
  // What all threads of the block have written is there for whoever sees the count.
  const auto tell = [&](Counter& counter) {
    proxy_fence();
    consumer_sync();
    if (threadIdx.x == 0) count_up(counter);
  };

  const StoreSums<NT, T> store(a, state);
  items.next();
  for (int product = 0; product < m.layers * products_a_layer + a.want_logits; ++product) {
    const int i = product / products_a_layer, kind = product % products_a_layer;
    const std::uint32_t stamp = state.stamp + 2 * i + (kind == down);
    const bool logits = i == m.layers;
    if (kind == query_key_value) {
      phase = logits ? pass_phases - 2 : 0;
      if constexpr (receives_rows(NT * 8)) marks_fence();  // of what store.inner has marked
    }
    const float* bias = nullptr;
    if (logits || kind == up) bias = logits ? m.logits.bias : m.layer[i].up.bias;
    int made = 0;
    for (; items.product == product; items.next()) {
      if (bias != nullptr && lane < 4) {  // before the weights come
        const int first = warp * 16 + lane * 4;
        small_copy(state.bias + first, bias + items.tile * row_tile + first);
      }
      if (made == 0) {
        barrier_wait(&activation_full[activations.stage], activations.parity);
        mark();
      }
      float acc[NT][4] = {};
      int last_weights = 0, last_activations = 0;
      for (int chunk = 0; chunk < items.count; ++chunk) {
        barrier_wait(&weight_full[weights.stage], weights.parity);
        barrier_wait(&activation_full[activations.stage], activations.parity);
        groups_begin();
        multiply_stage<NT, T>(weight_base + weights.stage * unsigned(stage_bytes / operand_unit),
                              activation_base + activations.stage * unsigned(NT * 1024 / operand_unit), acc);
        groups_commit();
        if (chunk > 0) {
          groups_wait<1>();
          free_stage(last_weights, last_activations);
        }
        last_weights = weights.stage;
        last_activations = activations.stage;
        weights.next(a.plan.stages);
        activations.next(a.plan.activation_stages);
      }
      groups_finish(acc);
      ++made;
      if (threadIdx.x == 0) reach(state.multiplied, product * product_parts + min(made, product_parts - 1));
      free_stage(last_weights, last_activations);
      const unsigned thread = fresh_thread();  // else what follows from it would be kept
      const int output = items.tile * row_tile + thread / 32 * 16 + first_of_quad(thread % 32);
      if (bias != nullptr) {
        small_copies_wait();
        __syncwarp();
      }
      if (logits)
        store.logits(acc, output);
      else if (kind == up)
        store.inner(acc, i, output, items.split, stamp);
      else if (a.texts && kind == query_key_value)
        store.texts(acc, i, m.layer[i].query_key_value.bias, output, stamp);
      else
        store.part(acc, kind == query_key_value ? b.query_key_value : b.partial,
                   kind == query_key_value ? 3 * m.hidden : m.hidden, output, items.split, stamp);
      if (bias != nullptr) __syncwarp();  // the next item's may come
    }
    if (threadIdx.x == 0) reach(state.multiplied, (product + 1) * product_parts);
    if (made == 0) mark();
    mark();
    if (made == 0 || logits) continue;
    if (a.texts && kind == query_key_value) tell(b.meeting->texts);
    if (!marks_activations(NT * 8) && kind == up) tell(b.meeting->widened);
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
  char* activation_ring = weight_ring + a.plan.stages * stage_bytes;
  char* scratch = activation_ring + a.plan.activation_stages * (NT * 1024);
  auto* weight_full = reinterpret_cast<std::uint64_t*>(scratch + scratch_bytes<NT, T, HeadSize>);
  std::uint64_t* weight_empty = weight_full + a.plan.stages;
  std::uint64_t* activation_full = weight_empty + a.plan.stages;
  std::uint64_t* activation_empty = activation_full + a.plan.activation_stages;
  std::uint64_t* activation_landed = activation_empty + a.plan.activation_stages;
  if (threadIdx.x < NT * 8) state.row[threadIdx.x] = a.buffers.row[threadIdx.x];
  __syncthreads();
  if (threadIdx.x == 0) {
    state.describe(a.model, a.buffers, a.plan.norm_blocks);
    for (int i = 0; i < a.plan.stages; ++i) {
      barrier_init(&weight_full[i], 1);
      barrier_init(&weight_empty[i], consumers / 32);
    }
    for (int i = 0; i < a.plan.activation_stages; ++i) {
      barrier_init(&activation_full[i], receives_rows(NT * 8) ? 32 : 1);
      barrier_init(&activation_landed[i], 1);
      barrier_init(&activation_empty[i], consumers / 32);
    }
    for (std::uint64_t& again : state.copied_again) barrier_init(&again, 1);
    for (std::uint64_t& full : norms.full) barrier_init(&full, 1);
    barrier_init(&norms.meeting.barrier, attention_threads);
    norms.made = 0;
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
  }
  __syncthreads();
  if (state.rows == 0) {  // nothing to do, and nothing to wait for
  } else if (int(blockIdx.x) >= state.workers) {
    constexpr int spare = threads - norm_threads, spare_registers = 24;
    if (threadIdx.x >= norm_threads) {
      take_registers<spare_registers>();
      if (!marks_activations(NT * 8) && threadIdx.x == norm_threads) announce_norms(a, state, norms);
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
    if constexpr (receives_rows(NT * 8)) {
      if (warp == 1 || warp == 2)
        receive_activations<T>(a, state, activation_ring, activation_full, activation_empty, warp - 1, lane);
      if (warp == 3) prefetch_layers<NT, T>(a, state, lane);
    } else if constexpr (marks_activations(NT * 8)) {
      if (warp == 1) copy_marked<NT, T>(a, state, activation_ring, activation_landed, activation_empty, lane);
      if (warp >= 2) check_marked<NT>(a, state, activation_ring, activation_landed, activation_full, warp - 2, lane);
    } else {
      if (warp == 1 && lane == 0) copy_counted<NT>(a, state, activation_ring, activation_full, activation_empty);
      if (warp == 3) prefetch_layers<NT, T>(a, state, lane);
    }
  } else {
    take_registers<Registers<NT>::attention>();
    for (int norm = 0; norm <= 2 * a.model.layers; ++norm) {
      // Of what was marked since: context, and norms that are made here.
      if (marks_activations(NT * 8) && (norm % 2 == 0 || !norms_apart(NT * 8))) marks_fence();
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
