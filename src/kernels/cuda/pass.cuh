#pragma once
#include "kernels/cuda/async_copy.cuh"
#include "kernels/cuda/attention.cuh"
#include "kernels/cuda/device_math.cuh"
#include "kernels/cuda/norm.cuh"
#include "kernels/cuda/pass_variant.cuh"
#include "kernels/cuda/product.cuh"

namespace kandinsky::cuda {

constexpr int consumers = 256;
// And a warp each for the copies of weights, of activations, and for prefetching; their registers go to the consumers.
constexpr int threads = consumers + 128;
constexpr int consumer_registers = 224, copier_registers = 56;

// Barriers of a layer, in order: what must be complete before ...
enum LayerBarrier {
  before_query = 1,
  before_attention,
  before_dense,
  before_middle,
  before_up,
  before_down,
  layer_end
};
constexpr int barriers_a_layer = layer_end;

// The matrix products of a pass, in order: these four of each layer, then the logits.
enum Product { query_key_value, dense, up, down, products_a_layer };

// The work items of the calling block, in order: they are dealt out to the blocks in turn.
class Items {
 public:
  int product = -1;
  int tile, split, first, last;  // chunks first .. last - 1

  __device__ __forceinline__ explicit Items(const PassArguments& a) : a_(a) {}

  __device__ __forceinline__ bool next() {
    item_ += gridDim.x;
    while (item_ >= items_) {
      const int products = a_.model.layers * products_a_layer + a_.want_logits;
      if (product + 1 >= products) {
        product = products;
        return false;
      }
      ++product;
      start_ = (start_ + items_) % int(gridDim.x);
      measure();
      item_ = int(blockIdx.x) - start_;
      if (item_ < 0) item_ += gridDim.x;
    }
    tile = item_ / splits_;
    split = item_ % splits_;
    first = chunks * split / splits_;
    last = chunks * (split + 1) / splits_;
    return true;
  }

  int chunks;

 private:
  __device__ __forceinline__ void measure() {
    const Model& m = a_.model;
    int outputs = m.hidden, inputs = m.hidden;
    splits_ = 1;
    if (product == m.layers * products_a_layer) {
      outputs = m.image_vocab;
    } else {
      switch (product % products_a_layer) {
        case query_key_value:
          outputs = 3 * m.hidden;
          break;
        case dense:
          splits_ = m.dense_splits;
          break;
        case up:
          outputs = 4 * m.hidden;
          break;
        default:
          inputs = 4 * m.hidden;
          splits_ = m.down_splits;
      }
    }
    chunks = (inputs + k_chunk - 1) / k_chunk;
    items_ = (outputs + row_tile - 1) / row_tile * splits_;
  }

  const PassArguments& a_;
  int start_ = 0;  // block that item 0 of the product belongs to
  int splits_ = 1, items_ = 0, item_ = 0;
};

__device__ __forceinline__ unsigned load_acquire(const unsigned* p) {
  unsigned value;
  asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(value) : "l"(p) : "memory");
  return value;
}

__device__ __forceinline__ void wait_for_grid(const unsigned* counter, int barrier) {
  const unsigned target = unsigned(barrier) * gridDim.x;
  while (load_acquire(counter) < target) {
  }
}

// All consumer threads of all blocks; what they wrote before is seen by ordinary reads and bulk copies after. One
// thread of the block watches the counter and tells the copying warps.
__device__ __forceinline__ void grid_barrier(unsigned* counter, int barrier, volatile int* passed) {
  proxy_fence();
  consumer_sync();
  if (threadIdx.x == 0) {
    asm volatile("red.release.gpu.global.add.u32 [%0], 1;" ::"l"(counter) : "memory");
    wait_for_grid(counter, barrier);
    *passed = barrier;
  }
  consumer_sync();
}

__device__ __forceinline__ void wait_passed(const volatile int* passed, int barrier) {
  while (*passed < barrier) {
  }
  __threadfence_block();
}

// Shared by the warps of a block besides the rings.
struct BlockState {
  Row row[most_rows];
  std::size_t cache[most_rows];  // of the layer at work: first element of a row's newest key, for head 0
  Layer layer[2];                // the one at work and the next, in turn
  int passed;                    // barriers of the grid behind us
  long long spent[pass_phases];  // of thread 0
  long long since;
};

template <int NT, typename T, int HeadSize>
__device__ void consume(const PassArguments& a, char* weight_ring, char* activation_ring, std::uint64_t* weight_full,
                        std::uint64_t* weight_empty, std::uint64_t* activation_full, std::uint64_t* activation_empty,
                        BlockState& state, char* scratch) {
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

  // store(output, split) gives a function of (row, value). What it reads for that is asked for before the weights come.
  const auto multiply = [&](int outputs, const auto& store) {
    for (; items.product == product; items.next()) {
      const int output = items.tile * row_tile + warp * 16 + lane / 4;
      const auto put_low = store(min(output, outputs - 1), items.split);
      const auto put_high = store(min(output + 8, outputs - 1), items.split);
      float acc[NT][4] = {};
      int last_weights = 0, last_activations = 0;
      for (int chunk = items.first; chunk < items.last; ++chunk) {
        barrier_wait(&weight_full[weights.stage], weights.parity);
        barrier_wait(&activation_full[activations.stage], activations.parity);
        groups_begin();
        multiply_stage<NT, T>(weight_base + weights.stage * stage_bytes,
                              activation_base + activations.stage * (NT * 1024), acc);
        groups_commit();
        if (chunk > items.first) {
          groups_wait<1>();
          free_stage(last_weights, last_activations);
        }
        last_weights = weights.stage;
        last_activations = activations.stage;
        weights.next(a.stages);
        activations.next(a.activation_stages);
      }
      groups_wait<0>();
      free_stage(last_weights, last_activations);
#pragma unroll
      for (int nt = 0; nt < NT; ++nt)
#pragma unroll
        for (int i = 0; i < 2; ++i) {
          const int n = nt * 8 + lane % 4 * 2 + i;
          if (output < outputs) put_low(n, acc[nt][i]);
          if (output + 8 < outputs) put_high(n, acc[nt][2 + i]);
        }
    }
    ++product;
  };

  const int hidden = m.hidden;
  const float scale = rsqrtf(float(m.head_size));
  int barrier = 0;
  int phase = 0;
  const auto mark = [&] {
    if (b.profile != nullptr && threadIdx.x == 0) {
      const long long now = clock64();
      state.spent[phase] += now - state.since;
      state.since = now;
    }
    ++phase;
  };
  const auto meet = [&] {
    mark();
    grid_barrier(b.barrier, ++barrier, &state.passed);
    mark();
  };
  if (b.profile != nullptr && threadIdx.x == 0) {
    for (long long& spent : state.spent) spent = 0;
    state.since = clock64();
  }
  // The next layer's description, by the first threads.
  constexpr int pieces = sizeof(Layer) / sizeof(uint4);
  uint4 piece{};
  const auto ask_layer = [&](int i) {
    if (i < m.layers && threadIdx.x < pieces) piece = __ldg(reinterpret_cast<const uint4*>(m.layer + i) + threadIdx.x);
  };
  const auto keep_layer = [&](int i) {
    if (i < m.layers && threadIdx.x < pieces) reinterpret_cast<uint4*>(&state.layer[i % 2])[threadIdx.x] = piece;
  };
  ask_layer(0);
  keep_layer(0);
  consumer_sync();

  auto* sums = reinterpret_cast<float*>(scratch + Attention<NT, T, HeadSize>::scratch_bytes);
  residual_norm<NT, T>(m, b, state.row, nullptr, 0, false, Norm{}, state.layer[0].input_norm, Norm{}, sums);
  for (int i = 0; i < m.layers; ++i) {
    const Layer& layer = state.layer[i % 2];
    const Layer& next = state.layer[(i + 1) % 2];
    if (threadIdx.x < NT * 8) {
      const Row& row = state.row[threadIdx.x];
      if (row.position >= 0 && row.slot >= 0)
        state.cache[threadIdx.x] = row.slot * m.slot_elements + cache_offset(m, layer, 0, row.position);
    }
    meet();
    ask_layer(i + 1);
    multiply(3 * hidden, [&](int o, int) {
      const float bias = layer.query_key_value.bias[o];
      const int third = o / hidden, f = o - third * hidden;
      const int head = f / m.head_size, d = f % m.head_size;
      const std::size_t text_head = std::size_t(i * m.heads + head) * m.text_length * m.head_size;
      const std::size_t image = std::size_t(head) * layer.groups * layer.capacity * m.head_size + d;
      return [=, &state, &b](int n, float value) {
        value += bias;
        if (third == 0) {
          static_cast<T*>(b.query)[std::size_t(n) * hidden + f] = narrow<T>(value * scale);
          return;
        }
        const Row& row = state.row[n];
        if (row.position < 0) return;
        if (row.slot >= 0)
          static_cast<T*>(third == 1 ? b.keys : b.values)[state.cache[n] + image] = narrow<T>(value);
        else if (third == 1)
          static_cast<T*>(row.text_keys)[text_head + std::size_t(row.position) * m.head_size + d] = narrow<T>(value);
        else
          static_cast<T*>(row.text_values)[text_head + text_value_offset(m, row.position, d)] = narrow<T>(value);
      };
    });
    {
      Attention<NT, T, HeadSize> attention(m, b, state.row, scratch, i, layer);
      meet();
      attention.finish(i);
    }
    meet();
    const auto store_partial = [&](int o, int split) {
      float* to = b.partial + std::size_t(split) * b.rows * hidden + o;
      return [=](int n, float value) { to[std::size_t(n) * hidden] = value; };
    };
    multiply(hidden, store_partial);
    meet();
    residual_norm<NT, T>(m, b, state.row, layer.dense.bias, m.dense_splits, true, layer.first_addition_norm,
                         layer.post_attention_norm, Norm{}, sums);
    meet();
    multiply(4 * hidden, [&](int o, int) {
      const float bias = layer.up.bias[o];
      T* to = static_cast<T*>(b.inner);
      return [=](int n, float value) { to[activation_offset(o, n, NT)] = narrow<T>(gelu(value + bias)); };
    });
    keep_layer(i + 1);
    meet();
    multiply(hidden, store_partial);
    meet();
    phase = 0;
    const bool last = i + 1 == m.layers;
    residual_norm<NT, T>(m, b, state.row, layer.down.bias, m.down_splits, false, layer.second_addition_norm,
                         last ? m.final_norm : next.input_norm, last ? m.logits_norm : Norm{}, sums);
  }
  if (a.want_logits) {
    meet();
    phase = pass_phases - 1;
    const int stride = (m.image_vocab + row_tile - 1) / row_tile * row_tile;
    multiply(m.image_vocab, [&](int o, int) {
      const float bias = m.logits.bias[o];
      float* to = b.logits + o;
      return [=](int n, float value) { to[std::size_t(n) * stride] = value + bias; };
    });
    mark();
  }
  if (b.profile != nullptr && threadIdx.x == 0)
    for (int i = 0; i < pass_phases; ++i) b.profile[blockIdx.x * pass_phases + i] += state.spent[i];
}

__device__ __forceinline__ void prefetch(const void* p) { asm volatile("prefetch.global.L2 [%0];" ::"l"(p)); }

// Brings what a layer needs besides its matrices into the second-level cache half a layer ahead: while the matrices
// stream, a read from memory takes microseconds, and most of these reads depend on one another.
template <int NT, typename T>
__device__ void prefetch_layers(const PassArguments& a, const BlockState& state, int lane) {
  const Model& m = a.model;
  constexpr int line = 128;
  const int index = blockIdx.x * 32 + lane, lanes = gridDim.x * 32;
  for (int i = 0; i < m.layers; ++i) {
    wait_passed(&state.passed, (i - 1) * barriers_a_layer + before_up);
    const Layer& layer = m.layer[i];
    const struct {
      const float* at;
      int count;
    } vectors[] = {{layer.query_key_value.bias, 3 * m.hidden},
                   {layer.dense.bias, m.hidden},
                   {layer.up.bias, 4 * m.hidden},
                   {layer.down.bias, m.hidden},
                   {layer.input_norm.weight, m.hidden},
                   {layer.input_norm.bias, m.hidden},
                   {layer.first_addition_norm.weight, m.hidden},
                   {layer.first_addition_norm.bias, m.hidden},
                   {layer.post_attention_norm.weight, m.hidden},
                   {layer.post_attention_norm.bias, m.hidden},
                   {layer.second_addition_norm.weight, m.hidden},
                   {layer.second_addition_norm.bias, m.hidden}};
    int start = 0;
    for (const auto& vector : vectors) {
      if (vector.at == nullptr) continue;
      const int lines_here = (vector.count * 4 + line - 1) / line;
      int mine = index - start % lanes;
      if (mine < 0) mine += lanes;
      for (; mine < lines_here; mine += lanes)
        prefetch(reinterpret_cast<const char*>(vector.at) + std::size_t(mine) * line);
      start += lines_here;
    }
    const int tasks = NT * 8 * m.heads;
    const std::size_t key_bytes = std::size_t(m.head_size) * sizeof(T);
    for (int task = blockIdx.x; task < tasks; task += gridDim.x) {
      const Row& row = state.row[task / m.heads];
      const int head = task % m.heads;
      if (row.position < 0) continue;
      const std::size_t text = (std::size_t(i * m.heads + head) * m.text_length) * key_bytes;
      for (std::size_t at = std::size_t(lane) * line; at < m.text_length * key_bytes; at += 32 * line) {
        prefetch(static_cast<const char*>(row.text_keys) + text + at);
        prefetch(static_cast<const char*>(row.text_values) + text + at);
      }
      if (row.slot < 0) continue;
      const int group = layer.mask == Mask::column ? row.position % m.grid : 0;
      const int kept = layer.mask == Mask::column ? row.position / m.grid + 1 : min(row.position + 1, layer.capacity);
      const std::size_t image = (row.slot * m.slot_elements + layer.cache +
                                 std::size_t(head * layer.groups + group) * layer.capacity * m.head_size) *
                                sizeof(T);
      for (std::size_t at = std::size_t(lane) * line; at < kept * key_bytes; at += 32 * line) {
        prefetch(static_cast<const char*>(a.buffers.keys) + image + at);
        prefetch(static_cast<const char*>(a.buffers.values) + image + at);
      }
    }
  }
}

// The stages of weights of the calling block, in order.
class WeightStream {
 public:
  const char* at = nullptr;

  __device__ __forceinline__ explicit WeightStream(const PassArguments& a) : a_(a), items_(a), next_(of(0)) {}

  __device__ __forceinline__ bool next() {
    if (left_ == 0) {
      if (!items_.next()) return false;
      while (product_ < items_.product) {
        weights_ = next_;
        next_ = of(++product_ + 1);  // long before it is needed
      }
      at = weights_ + (std::size_t(items_.tile) * items_.chunks + items_.first) * stage_bytes;
      left_ = items_.last - items_.first;
    } else {
      at += stage_bytes;
    }
    --left_;
    return true;
  }

  __device__ __forceinline__ int product() const { return product_; }

 private:
  __device__ __forceinline__ const char* of(int product) const {
    const Model& m = a_.model;
    const int i = product / products_a_layer;
    if (i >= m.layers) return static_cast<const char*>(m.logits.weights);
    const Layer& layer = m.layer[i];
    const Matrix* matrix[] = {&layer.query_key_value, &layer.dense, &layer.up, &layer.down};
    return static_cast<const char*>(matrix[product % products_a_layer]->weights);
  }

  const PassArguments& a_;
  Items items_;
  int product_ = -1, left_ = 0;
  const char *weights_ = nullptr, *next_;
};

// The barrier behind which the activations of a product are complete.
__device__ __forceinline__ int barrier_before(int product) {
  constexpr int complete[] = {before_query, before_dense, before_up, before_down};
  return product / products_a_layer * barriers_a_layer + complete[product % products_a_layer];
}

// What is asked for beyond what keeps the memory busy only makes everybody else's reads wait: those between two
// products above all, of which each depends on the one before. So fewer stages are under way at a time while nobody
// multiplies.
inline __device__ void copy_weights(const PassArguments& a, const BlockState& state, char* ring, std::uint64_t* full,
                                    std::uint64_t* empty) {
  RingPosition at, landed;
  at.parity = 1;  // the ring starts out empty
  int under_way = 0;
  const std::uint64_t policy = policy_evict_first();
  const volatile int* passed = &state.passed;
  for (WeightStream stream(a); stream.next();) {
    const int start = barrier_before(stream.product());
    barrier_wait(&empty[at.stage], at.parity);
    while (under_way >= (*passed >= start ? a.ahead : a.ahead_between)) {
      if (!barrier_passed(&full[landed.stage], landed.parity)) continue;
      landed.next(a.stages);
      --under_way;
    }
    ++under_way;
    barrier_expect(&full[at.stage], stage_bytes);
    bulk_copy(ring + at.stage * stage_bytes, stream.at, stage_bytes, &full[at.stage], policy);
    at.next(a.stages);
  }
}

template <int NT>
__device__ void copy_activations(const PassArguments& a, const BlockState& state, char* ring, std::uint64_t* full,
                                 std::uint64_t* empty) {
  constexpr int bytes = NT * 1024;
  RingPosition at;
  at.parity = 1;
  const std::uint64_t policy = policy_evict_last();
  int product = -1;
  const char* from = nullptr;
  for (Items items(a); items.next();) {
    if (product != items.product) {
      product = items.product;
      const int kind = product % products_a_layer;
      wait_passed(&state.passed, barrier_before(product));
      proxy_fence();
      from = static_cast<const char*>(kind == dense  ? a.buffers.context
                                      : kind == down ? a.buffers.inner
                                                     : a.buffers.activations);
    }
    for (int chunk = items.first; chunk < items.last; ++chunk) {
      barrier_wait(&empty[at.stage], at.parity);
      barrier_expect(&full[at.stage], bytes);
      bulk_copy(ring + at.stage * bytes, from + std::size_t(chunk) * bytes, bytes, &full[at.stage], policy);
      at.next(a.activation_stages);
    }
  }
}

// The attention's and the norms' sums.
template <int NT, typename T, int HeadSize>
constexpr std::size_t scratch_bytes = (Attention<NT, T, HeadSize>::scratch_bytes + norm_scratch_bytes + 127) / 128 *
                                      128;

template <int NT, typename T, int HeadSize>
__global__ void __launch_bounds__(threads, 1) pass_kernel(const __grid_constant__ PassArguments a) {
  extern __shared__ __align__(128) char shared[];
  char* weight_ring = shared;
  char* activation_ring = weight_ring + a.stages * stage_bytes;
  auto* barriers = reinterpret_cast<std::uint64_t*>(activation_ring + a.activation_stages * (NT * 1024) +
                                                    scratch_bytes<NT, T, HeadSize>);
  std::uint64_t* weight_full = barriers;
  std::uint64_t* weight_empty = weight_full + a.stages;
  std::uint64_t* activation_full = weight_empty + a.stages;
  std::uint64_t* activation_empty = activation_full + a.activation_stages;
  char* scratch = activation_ring + a.activation_stages * (NT * 1024);
  __shared__ BlockState state;
  if (threadIdx.x < NT * 8) state.row[threadIdx.x] = a.buffers.row[threadIdx.x];
  if (threadIdx.x == 0) {
    state.passed = 0;
    for (int i = 0; i < a.stages; ++i) {
      barrier_init(&weight_full[i], 1);
      barrier_init(&weight_empty[i], consumers / 32);
    }
    for (int i = 0; i < a.activation_stages; ++i) {
      barrier_init(&activation_full[i], 1);
      barrier_init(&activation_empty[i], consumers / 32);
    }
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
  }
  __syncthreads();
  if (threadIdx.x < consumers) {
    asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(consumer_registers));
    consume<NT, T, HeadSize>(a, weight_ring, activation_ring, weight_full, weight_empty, activation_full,
                             activation_empty, state, scratch);
  } else {
    asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(copier_registers));
    if (threadIdx.x == consumers) copy_weights(a, state, weight_ring, weight_full, weight_empty);
    if (threadIdx.x == consumers + 32)
      copy_activations<NT>(a, state, activation_ring, activation_full, activation_empty);
    if (threadIdx.x / 32 == consumers / 32 + 2) prefetch_layers<NT, T>(a, state, threadIdx.x % 32);
  }
}

template <int NT, typename T>
PassVariant pass_variant_of(int head_size) {
  if (head_size > 64) return {pass_kernel<NT, T, 128>, threads, scratch_bytes<NT, T, 128>, sizeof(BlockState)};
  return {pass_kernel<NT, T, 64>, threads, scratch_bytes<NT, T, 64>, sizeof(BlockState)};
}

template <int NT>
PassVariant pass_variant(Number number, int head_size) {
  return number == Number::fp16 ? pass_variant_of<NT, __half>(head_size)
                                : pass_variant_of<NT, __nv_bfloat16>(head_size);
}

}  // namespace kandinsky::cuda
