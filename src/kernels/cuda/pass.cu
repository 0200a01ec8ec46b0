#include <cooperative_groups.h>

#include <algorithm>

#include "kernels/cuda/async_copy.cuh"
#include "kernels/cuda/attention.cuh"
#include "kernels/cuda/check.cuh"
#include "kernels/cuda/device_math.cuh"
#include "kernels/cuda/norm.cuh"
#include "kernels/cuda/product.cuh"

namespace kandinsky::cuda {
namespace {

constexpr int consumers = 256;
constexpr int threads = consumers + 64;  // and a warp each for the copies of weights and of activations

// Barriers of a layer, in order: what must be complete before ...
enum LayerBarrier { before_query = 1, before_attention, before_dense, before_middle, before_up, before_down, layer_end };
constexpr int barriers_a_layer = layer_end;

struct Arguments {
  Model model;
  Buffers buffers;
  int rows;
  int stages;
  int activation_stages;
  int want_logits;
};

// The matrix products of a pass in the order in which every block walks them, dealt out to the blocks in turn.
struct Walk {
  int start = 0;  // block that item 0 of the next product belongs to

  template <typename Visit>
  __device__ __forceinline__ void product(const Matrix& matrix, int splits, const Visit& visit) {
    const int items = matrix.tiles() * splits;
    const int blocks = gridDim.x;
    int item = blockIdx.x - start;
    if (item < 0) item += blocks;
    for (; item < items; item += blocks) {
      const int tile = item / splits, split = item % splits;
      const int chunks = matrix.chunks();
      visit(tile, split, chunks * split / splits, chunks * (split + 1) / splits);
    }
    start = (start + items) % blocks;
  }

  // Calls visit_product(kind, layer, matrix, splits, barrier) for all products of the pass.
  template <typename VisitProduct>
  __device__ __forceinline__ static void all(const Arguments& a, const VisitProduct& visit) {
    for (int i = 0; i < a.model.layers; ++i) {
      const Layer& layer = a.model.layer[i];
      const int base = i * barriers_a_layer;
      visit(layer.query_key_value, 1, base + before_query, a.buffers.activations);
      visit(layer.dense, a.model.dense_splits, base + before_dense, a.buffers.context);
      visit(layer.up, 1, base + before_up, a.buffers.activations);
      visit(layer.down, a.model.down_splits, base + before_down, a.buffers.inner);
    }
    if (a.want_logits)
      visit(a.model.logits, 1, a.model.layers * barriers_a_layer + before_query, a.buffers.activations);
  }
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

// All consumer threads of all blocks; what they wrote before is seen by ordinary reads and bulk copies after.
__device__ __forceinline__ void grid_barrier(unsigned* counter, int barrier) {
  proxy_fence();
  __threadfence();
  consumer_sync();
  if (threadIdx.x == 0) {
    asm volatile("red.release.gpu.global.add.u32 [%0], 1;" ::"l"(counter) : "memory");
    wait_for_grid(counter, barrier);
  }
  consumer_sync();
}

template <int NT, typename T>
__device__ void consume(const Arguments& a, char* weight_ring, char* activation_ring, std::uint64_t* weight_full,
                        std::uint64_t* weight_empty, std::uint64_t* activation_full, std::uint64_t* activation_empty,
                        float* scratch) {
  const Model& m = a.model;
  const Buffers& b = a.buffers;
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  Walk walk;
  RingPosition weights, activations;

  const auto multiply = [&](const Matrix& matrix, int splits, const auto& store) {
    walk.product(matrix, splits, [&](int tile, int split, int first, int last) {
      float acc[NT][4] = {};
      for (int chunk = first; chunk < last; ++chunk) {
        barrier_wait(&weight_full[weights.stage], weights.parity);
        barrier_wait(&activation_full[activations.stage], activations.parity);
        multiply_stage<NT, T>(weight_ring + weights.stage * stage_bytes + warp * (stage_bytes / 8),
                              activation_ring + activations.stage * (NT * 1024), lane, acc);
        __syncwarp();
        if (lane == 0) {
          barrier_arrive(&weight_empty[weights.stage]);
          barrier_arrive(&activation_empty[activations.stage]);
        }
        weights.next(a.stages);
        activations.next(a.activation_stages);
      }
      const int output = tile * row_tile + warp * 16 + lane / 4;
#pragma unroll
      for (int nt = 0; nt < NT; ++nt)
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          const int o = output + i / 2 * 8, n = nt * 8 + lane % 4 * 2 + i % 2;
          if (o < matrix.outputs && n < a.rows) store(o, n, split, acc[nt][i]);
        }
    });
  };

  const int hidden = m.hidden;
  int barrier = 0;
  for (int i = 0; i < m.layers; ++i) {
    const Layer& layer = m.layer[i];
    const Layer* before = i == 0 ? nullptr : &m.layer[i - 1];
    residual_norm<NT, T>(m, b, a.rows, before == nullptr ? nullptr : before->down.bias, m.down_splits, false,
                         before == nullptr ? Norm{} : before->second_addition_norm, layer.input_norm, Norm{}, scratch);
    grid_barrier(b.barrier, ++barrier);
    const float scale = rsqrtf(float(m.head_size));
    multiply(layer.query_key_value, 1, [&](int o, int n, int, float value) {
      value += layer.query_key_value.bias[o];
      if (o < hidden) {
        b.query[std::size_t(n) * hidden + o] = value * scale;
      } else {
        const Row row = b.row[n];
        if (row.position < 0) return;
        const bool key = o < 2 * hidden;
        const int f = o - (key ? hidden : 2 * hidden);
        T* to = static_cast<T*>(key ? b.keys : b.values);
        std::size_t at;
        if (row.slot < 0) {
          to = static_cast<T*>(key ? row.text_keys : row.text_values);
          at = (std::size_t(i * m.heads + f / m.head_size) * m.text_length + row.position) * m.head_size + f % m.head_size;
        } else {
          at = row.slot * m.slot_elements + cache_offset(m, layer, f / m.head_size, row.position) + f % m.head_size;
        }
        to[at] = narrow<T>(value);
      }
    });
    grid_barrier(b.barrier, ++barrier);
    attend<NT, T>(m, b, a.rows, i, layer, scratch);
    grid_barrier(b.barrier, ++barrier);
    const auto store_partial = [&](int o, int n, int split, float value) {
      b.partial[(std::size_t(split) * b.rows + n) * hidden + o] = value;
    };
    multiply(layer.dense, m.dense_splits, store_partial);
    grid_barrier(b.barrier, ++barrier);
    residual_norm<NT, T>(m, b, a.rows, layer.dense.bias, m.dense_splits, true, layer.first_addition_norm,
                         layer.post_attention_norm, Norm{}, scratch);
    grid_barrier(b.barrier, ++barrier);
    multiply(layer.up, 1, [&](int o, int n, int, float value) {
      static_cast<T*>(b.inner)[activation_offset(o, n, NT)] = narrow<T>(gelu(value + layer.up.bias[o]));
    });
    grid_barrier(b.barrier, ++barrier);
    multiply(layer.down, m.down_splits, store_partial);
    grid_barrier(b.barrier, ++barrier);
  }
  if (!a.want_logits) return;
  const Layer& last = m.layer[m.layers - 1];
  residual_norm<NT, T>(m, b, a.rows, last.down.bias, m.down_splits, false, last.second_addition_norm, m.final_norm,
                       m.logits_norm, scratch);
  grid_barrier(b.barrier, ++barrier);
  const int stride = m.logits.tiles() * row_tile;
  multiply(m.logits, 1, [&](int o, int n, int, float value) {
    b.logits[std::size_t(n) * stride + o] = value + m.logits.bias[o];
  });
}

__device__ void copy_weights(const Arguments& a, char* ring, std::uint64_t* full, std::uint64_t* empty) {
  Walk walk;
  RingPosition at;
  at.parity = 1;  // the ring starts out empty
  const std::uint64_t policy = policy_evict_first();
  Walk::all(a, [&](const Matrix& matrix, int splits, int, const void*) {
    const char* weights = static_cast<const char*>(matrix.weights);
    const int chunks = matrix.chunks();
    walk.product(matrix, splits, [&](int tile, int, int first, int last) {
      for (int chunk = first; chunk < last; ++chunk) {
        barrier_wait(&empty[at.stage], at.parity);
        barrier_expect(&full[at.stage], stage_bytes);
        bulk_copy(ring + at.stage * stage_bytes, weights + (std::size_t(tile) * chunks + chunk) * stage_bytes,
                  stage_bytes, &full[at.stage], policy);
        at.next(a.stages);
      }
    });
  });
}

template <int NT>
__device__ void copy_activations(const Arguments& a, char* ring, std::uint64_t* full, std::uint64_t* empty) {
  constexpr int bytes = NT * 1024;
  Walk walk;
  RingPosition at;
  at.parity = 1;
  const std::uint64_t policy = policy_evict_last();
  Walk::all(a, [&](const Matrix& matrix, int splits, int barrier, const void* from) {
    bool ready = false;
    walk.product(matrix, splits, [&](int, int, int first, int last) {
      if (!ready) {
        wait_for_grid(a.buffers.barrier, barrier);
        proxy_fence();
        ready = true;
      }
      for (int chunk = first; chunk < last; ++chunk) {
        barrier_wait(&empty[at.stage], at.parity);
        barrier_expect(&full[at.stage], bytes);
        bulk_copy(ring + at.stage * bytes, static_cast<const char*>(from) + std::size_t(chunk) * bytes, bytes,
                  &full[at.stage], policy);
        at.next(a.activation_stages);
      }
    });
  });
}

template <int NT, typename T>
__global__ void __launch_bounds__(threads, 1) pass_kernel(const __grid_constant__ Arguments a) {
  extern __shared__ __align__(128) char shared[];
  char* weight_ring = shared;
  char* activation_ring = weight_ring + a.stages * stage_bytes;
  auto* barriers = reinterpret_cast<std::uint64_t*>(activation_ring + a.activation_stages * (NT * 1024));
  std::uint64_t* weight_full = barriers;
  std::uint64_t* weight_empty = weight_full + a.stages;
  std::uint64_t* activation_full = weight_empty + a.stages;
  std::uint64_t* activation_empty = activation_full + a.activation_stages;
  auto* scratch = reinterpret_cast<float*>(activation_empty + a.activation_stages);
  if (threadIdx.x == 0) {
    for (int i = 0; i < a.stages; ++i) {
      barrier_init(&weight_full[i], 1);
      barrier_init(&weight_empty[i], consumers / 32);
    }
    for (int i = 0; i < a.activation_stages; ++i) {
      barrier_init(&activation_full[i], 1);
      barrier_init(&activation_empty[i], consumers / 32);
    }
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
    proxy_fence();
  }
  __syncthreads();
  if (threadIdx.x == consumers) {
    copy_weights(a, weight_ring, weight_full, weight_empty);
  } else if (threadIdx.x == consumers + 32) {
    copy_activations<NT>(a, activation_ring, activation_full, activation_empty);
  } else if (threadIdx.x < consumers) {
    consume<NT, T>(a, weight_ring, activation_ring, weight_full, weight_empty, activation_full, activation_empty, scratch);
  }
}

using PassKernel = void (*)(Arguments);

template <typename T>
PassKernel kernel_for(int rows) {
  switch (rows) {
    case 8:
      return pass_kernel<1, T>;
    case 16:
      return pass_kernel<2, T>;
    case 32:
      return pass_kernel<4, T>;
    default:
      return pass_kernel<8, T>;
  }
}

PassKernel kernel_for(Number number, int rows) {
  return number == Number::fp16 ? kernel_for<__half>(rows) : kernel_for<__nv_bfloat16>(rows);
}

}  // namespace

Plan plan_pass(const Model& model, int rows, int device) {
  int blocks = 0, shared = 0;
  check_cuda(cudaDeviceGetAttribute(&blocks, cudaDevAttrMultiProcessorCount, device), "multiprocessors");
  check_cuda(cudaDeviceGetAttribute(&shared, cudaDevAttrMaxSharedMemoryPerBlockOptin, device), "shared memory");
  Plan plan{};
  plan.blocks = blocks;
  plan.activation_stages = rows > 16 ? 6 : 12;
  const std::size_t activation = std::size_t(plan.activation_stages) * rows * k_chunk * 2;
  const std::size_t scratch = sizeof(float) * scratch_floats(model);
  const std::size_t fixed = activation + scratch + 128 + 16 * std::size_t(plan.activation_stages);
  plan.stages = static_cast<int>(std::min<std::size_t>(64, (shared - fixed) / (stage_bytes + 16)));
  plan.shared_bytes = fixed + plan.stages * (stage_bytes + 16);
  check_cuda(cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel_for(model.number, rows)),
                                  cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(plan.shared_bytes)),
             "shared memory of the pass");
  return plan;
}

void run_pass(const Model& model, const Buffers& buffers, const Plan& plan, bool want_logits, void* stream) {
  const auto queue = static_cast<cudaStream_t>(stream);
  check_cuda(cudaMemsetAsync(buffers.barrier, 0, sizeof(unsigned), queue), "barrier");
  Arguments arguments{model, buffers, buffers.rows, plan.stages, plan.activation_stages, want_logits ? 1 : 0};
  void* pointers[] = {&arguments};
  check_cuda(cudaLaunchCooperativeKernel(reinterpret_cast<const void*>(kernel_for(model.number, buffers.rows)),
                                         dim3(plan.blocks), dim3(threads), pointers, plan.shared_bytes, queue),
             "pass");
}

}  // namespace kandinsky::cuda
