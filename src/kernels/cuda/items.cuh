#pragma once
#include "kernels/cuda/block_state.cuh"
#include "kernels/cuda/device_math.cuh"
#include "kernels/cuda/pass_variant.cuh"

namespace kandinsky::cuda {

// The matrix products of a pass, in order: these four of each layer, then the logits.
enum Product { query_key_value, dense, up, down, products_a_layer };

__device__ __forceinline__ int tiles_of(int outputs) { return (outputs + row_tile - 1) / row_tile; }

// Blocks that have work in a product of `items` items.
__device__ __forceinline__ unsigned blocks_of(const BlockState& state, int items) { return min(items, state.workers); }

// The work items of the calling block, in order: they are dealt out to the blocks in turn. The parts that a tile of
// `up` has go to a block each or, of more rows, one after the other to the same block.
class Items {
 public:
  int product = -1;
  int tile, split = 0;
  int count = 0;  // chunks of the item

  __device__ __forceinline__ Items(const PassArguments& a, const BlockState& state) : a_(a), state_(state) {}

  __device__ __forceinline__ bool next() {
    if (split + 1 < joined_) {
      ++split;
      cut();
      return true;
    }
    const int workers = state_.workers;
    item_ += workers;
    while (item_ >= items_) {
      const int products = a_.model.layers * products_a_layer + a_.want_logits;
      if (product + 1 >= products) {
        product = products;
        return false;
      }
      ++product;
      start_ += items_;
      while (start_ >= workers) start_ -= workers;
      measure();
      item_ = int(blockIdx.x) - start_;
      if (item_ < 0) item_ += workers;
    }
    tile = joined_ > 0 ? item_ : divide(item_);
    split = joined_ > 0 ? 0 : item_ - tile * splits_;
    cut();
    return true;
  }

  // Which chunk comes i-th. Tiles begin at different ones: all blocks asking for the same activations at once is slow.
  __device__ __forceinline__ int chunk(int i) const {
    const int at = i + turn_;
    return first_ + (at < count ? at : at - count);
  }

  int chunks;

 private:
  __device__ __forceinline__ void measure() {
    const Model& m = a_.model;
    int outputs = m.hidden, inputs = m.hidden;
    splits_ = 1;
    joined_ = 0;
    if (product == m.layers * products_a_layer) {
      outputs = m.image_vocab;
    } else {
      switch (product % products_a_layer) {
        case query_key_value:
          outputs = 3 * m.hidden;
          splits_ = a_.query_key_value_splits;
          break;
        case dense:
          splits_ = m.hidden_splits;
          break;
        case up:
          outputs = 4 * m.hidden;
          splits_ = m.up_splits;
          if (!parts_up(a_.buffers.rows)) joined_ = splits_;
          break;
        default:
          inputs = 4 * m.hidden;
          splits_ = m.down_splits;
      }
    }
    chunks = (inputs + k_chunk - 1) / k_chunk;
    inverse_ = reciprocal(splits_);
    items_ = tiles_of(outputs) * (joined_ > 0 ? 1 : splits_);
  }

  // By splits_, of a small number: a division of integers takes as long as two chunks.
  __device__ __forceinline__ int divide(int n) const { return int((float(n) + 0.5f) * inverse_); }

  __device__ __forceinline__ void cut() {
    first_ = divide(chunks * split);
    count = divide(chunks * (split + 1)) - first_;
    turn_ = tile % places * count / places;
  }

  static constexpr int places = 8;
  const PassArguments& a_;
  const BlockState& state_;
  int first_, turn_;
  int start_ = 0;  // block that item 0 of the product belongs to
  int splits_ = 1, joined_ = 0, items_ = 0, item_ = 0;
  float inverse_ = 1;
};

// The packed weights of a product, or of the logits after the last one.
__device__ __forceinline__ const char* weights_of(const PassArguments& a, int product) {
  const Model& m = a.model;
  const int i = product / products_a_layer;
  if (i >= m.layers) return static_cast<const char*>(m.logits.weights);
  const Layer& layer = m.layer[i];
  const int kind = product % products_a_layer;
  const Matrix& matrix = kind == query_key_value ? layer.query_key_value
                         : kind == dense         ? layer.dense
                         : kind == up            ? layer.up
                                                 : layer.down;
  return static_cast<const char*>(matrix.weights);
}

}  // namespace kandinsky::cuda
