#pragma once
#include "kernels/cuda/decoder_step.h"
#include "kernels/cuda/stamped.cuh"

namespace kandinsky::cuda {

constexpr int every_product = 0x7FFFFFFF;
// How far a block is with a product: its first, second and third item multiplied (as the blocks go, a layer's queries,
// keys and values), all done.
constexpr int product_parts = 4;
constexpr int checkers = 2;  // warps that look at marked activations

// Shared by the warps of a block besides the rings.
struct BlockState {
  Row row[most_rows];
  unsigned char active[most_rows];   // the rows that are not idle,
  int rows;                          // how many they are,
  int workers;                       // blocks that multiply and attend; those after them make the norms
  std::uint64_t active_bits;         // and a bit for each
  std::uint32_t stamp;               // this pass's first: a layer takes two
  std::uint32_t layer_turn;          // of marked numbers, this pass's first: a layer takes one
  alignas(16) float bias[row_tile];  // of a work item, where it has one
  int begun;                         // the product whose activations have begun to come
  int multiplied;                    // parts of products that the block has done, or has not to do: product_parts each
  std::uint64_t copied_again[checkers];  // barriers: see check_marked
  long long spent[pass_phases];          // of thread 0
  long long since;

  // By one thread, after `row` is there. `norm_blocks`: that make norms, at most; no more than there are rows.
  __device__ __forceinline__ void describe(const Model& m, const Buffers& b, int norm_blocks) {
    rows = 0;
    active_bits = 0;
    for (int i = 0; i < b.rows; ++i) {
      if (row[i].position < 0) continue;
      active[rows++] = static_cast<unsigned char>(i);
      active_bits |= std::uint64_t{1} << i;
    }
    workers = int(gridDim.x) - min(rows, norm_blocks);
    stamp = first_stamp(b.meeting->pass.value, m.layers);
    layer_turn = b.meeting->pass.value % marked_turns * (m.layers % marked_turns);
    begun = -1;
    multiplied = 0;
  }
};

// How far warps of a block are, told to the others: numbers in shared memory that only grow. They order nothing else: a
// fence would wait for all that a thread has asked for. Atomic on both sides, so that tools which look for races see
// what is meant.
__device__ __forceinline__ void reach(int& progress, int place) { atomicMax_block(&progress, place); }
// By a warp.
__device__ __forceinline__ void wait_reached(int& progress, int place) {
  if (threadIdx.x % 32 == 0)
    while (atomicAdd_block(&progress, 0) < place) __nanosleep(50);
  __syncwarp();
}
// For those who go on in any case.
__device__ __forceinline__ int glance(const int& progress) { return static_cast<const volatile int&>(progress); }

}  // namespace kandinsky::cuda
