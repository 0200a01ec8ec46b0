#include "transformer/cuda_weights.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/fail.h"
#include "kernels/cuda/staged_uploader.h"
#include "transformer/cache_layout.h"

namespace kandinsky {
namespace {

constexpr int column_blocks = 128;  // work items of a product are cut until there are about as many

int splits_of(int outputs, int inputs) {
  const int tiles = cuda::round_up(outputs, cuda::row_tile) / cuda::row_tile;
  const int chunks = cuda::round_up(inputs, cuda::k_chunk) / cuda::k_chunk;
  return std::clamp(column_blocks / tiles, 1, std::min(cuda::most_splits, chunks));
}

cuda::Mask mask_of(MaskKind kind) {
  return kind == MaskKind::row      ? cuda::Mask::row
         : kind == MaskKind::column ? cuda::Mask::column
                                    : cuda::Mask::convolution;
}

cuda::Number number_of(const at::Tensor& tensor) {
  return tensor.scalar_type() == at::kHalf       ? cuda::Number::fp16
         : tensor.scalar_type() == at::kBFloat16 ? cuda::Number::bf16
                                                 : cuda::Number::fp32;
}

// Image keys that a position of a convolution layer sees at most.
int most_neighbours(const TransformerConfig& config) {
  int most = 0;
  const CacheLayout layout(MaskKind::convolution, config);
  for (int raster = 0; raster < config.image_length(); ++raster) {
    int count = 0;
    for (const KeySegment& segment : layout.segments(raster)) count += segment.count;
    most = std::max(most, count);
  }
  return most;
}

// Of the tensor that takes the most when it is staged. fp64 becomes fp32 on the host.
std::size_t largest_staged(const TransformerWeights& weights, const TransformerConfig& config) {
  std::size_t largest = 0;
  const auto look = [&](const at::Tensor& tensor, std::int64_t rows) {
    largest = std::max(largest, std::size_t(rows * tensor.size(1)) * std::min<std::size_t>(tensor.element_size(), 4));
  };
  for (const at::Tensor* table : {&weights.text_embeddings, &weights.text_positions, &weights.image_embeddings,
                                  &weights.image_rows, &weights.image_columns})
    look(*table, table->size(0));
  for (const LayerWeights& layer : weights.layers)
    for (const LinearWeights* linear : {&layer.query_key_value, &layer.dense, &layer.up, &layer.down})
      look(linear->weight, linear->weight.size(0));
  look(weights.logits.weight, config.image_vocab);
  return largest;
}

// Of the largest of a layer's vectors.
std::size_t vector_bytes(const TransformerConfig& config) { return 4 * std::size_t(config.hidden) * sizeof(float); }

cuda::Matrix shape_of(int outputs, int inputs) { return {nullptr, nullptr, outputs, inputs}; }

}  // namespace

bool cuda_kernels_fit(const TransformerConfig& config, int device) {
  const cuda::DeviceProperties properties = cuda::device_properties(device);
  const int size = config.head_size();
  return properties.major == 9 && properties.multiprocessors >= cuda::fewest_multiprocessors && config.hidden <= 4096 &&
         (size == 16 || size == 32 || size == 64 || size == 128) && config.text_length <= 128 &&
         config.text_length % 8 == 0 && config.grid <= 32 && config.image_vocab <= cuda::most_image_vocab &&
         most_neighbours(config) <= cuda::most_image_keys;
}

CudaWeights::CudaWeights(const TransformerConfig& config, Precision precision, int device)
    : config_(config),
      device_(device),
      number_(precision == Precision::bf16 ? cuda::Number::bf16 : cuda::Number::fp16) {
  cuda::use_device(device);
}

// Out of one piece for all: the device waits for its work at every allocation of its own.
void* CudaWeights::allocate(std::size_t bytes) {
  constexpr std::size_t alignment = 256;
  if (memory_.empty() || used_ + bytes > memory_.back().bytes()) {
    constexpr std::size_t tables = std::size_t{4} << 20;  // and what alignment takes
    memory_.emplace_back(std::max(bytes, memory_.empty() ? CudaWeights::bytes(config_) + tables : tables));
    used_ = 0;
  }
  void* place = memory_.back().as<char>() + used_;
  used_ += (bytes + alignment - 1) / alignment * alignment;
  return place;
}

// make_matrix(layer or -1, which, matrix) gives the matrix its memory and numbers; make_floats(name...) a device copy.
template <typename MakeMatrix, typename MakeFloats>
void CudaWeights::build(const MakeMatrix& make_matrix, const MakeFloats& make_floats) {
  const int hidden = config_.hidden;
  cuda::Stream stream;
  std::size_t cache = 0;
  std::vector<cuda::Layer> layers;
  for (int i = 0; i < config_.layers; ++i) {
    const CacheLayout layout(mask_kind(i, config_.layers), config_);
    cuda::Layer layer{};
    layer.query_key_value = make_matrix(&LayerWeights::query_key_value, i, shape_of(3 * hidden, hidden));
    layer.dense = make_matrix(&LayerWeights::dense, i, shape_of(hidden, hidden));
    layer.up = make_matrix(&LayerWeights::up, i, shape_of(4 * hidden, hidden));
    layer.down = make_matrix(&LayerWeights::down, i, shape_of(hidden, 4 * hidden));
    layer.input_norm = make_floats.norm(&LayerWeights::input_norm, i);
    layer.post_attention_norm = make_floats.norm(&LayerWeights::post_attention_norm, i);
    if (config_.sandwich) {
      layer.first_addition_norm = make_floats.norm(&LayerWeights::first_addition_norm, i);
      layer.second_addition_norm = make_floats.norm(&LayerWeights::second_addition_norm, i);
    }
    layer.mask = mask_of(layout.kind());
    layer.groups = layout.groups();
    layer.capacity = layout.capacity();
    layer.cache = cache;
    cache += std::size_t(layout.groups()) * layout.capacity() * hidden;
    layers.push_back(layer);
  }
  auto* device_layers = static_cast<cuda::Layer*>(allocate(layers.size() * sizeof(cuda::Layer)));
  stream.to_device(device_layers, layers.data(), layers.size() * sizeof(cuda::Layer));

  // The convolution layer's visible places, if the model has one. A row's own comes last.
  std::vector<int> counts(config_.image_length());
  std::vector<std::vector<int>> places(config_.image_length());
  int most = 1;
  if (mask_kind(config_.layers - 1, config_.layers) == MaskKind::convolution) {
    const CacheLayout layout(MaskKind::convolution, config_);
    for (int raster = 0; raster < config_.image_length(); ++raster) {
      for (const KeySegment& segment : layout.segments(raster))
        for (int k = 0; k < segment.count; ++k)
          if (segment.start + k != layout.slot(raster)) places[raster].push_back(segment.start + k);
      places[raster].push_back(layout.slot(raster));
      counts[raster] = static_cast<int>(places[raster].size());
      most = std::max(most, counts[raster]);
    }
  }
  std::vector<int> table(std::size_t(most) * config_.image_length());
  for (int raster = 0; raster < config_.image_length(); ++raster)
    std::copy(places[raster].begin(), places[raster].end(), table.begin() + std::size_t(raster) * most);
  auto* neighbours = static_cast<int*>(allocate(table.size() * sizeof(int)));
  auto* neighbour_counts = static_cast<int*>(allocate(counts.size() * sizeof(int)));
  stream.to_device(neighbours, table.data(), table.size() * sizeof(int));
  stream.to_device(neighbour_counts, counts.data(), counts.size() * sizeof(int));

  model_.number = number_;
  model_.layers = config_.layers;
  model_.hidden = hidden;
  model_.heads = config_.heads;
  model_.head_size = config_.head_size();
  model_.text_length = config_.text_length;
  model_.grid = config_.grid;
  model_.image_vocab = config_.image_vocab;
  model_.version = config_.version;
  model_.layer = device_layers;
  model_.final_norm = make_floats.final_norm(&TransformerWeights::final_norm);
  model_.logits_norm = make_floats.final_norm(&TransformerWeights::logits_norm);
  model_.logits = make_matrix(nullptr, -1, shape_of(config_.image_vocab, hidden));
  model_.text_embeddings =
      make_floats.table(&TransformerWeights::text_embeddings, std::size_t(config_.text_vocab) * hidden);
  model_.text_positions =
      make_floats.table(&TransformerWeights::text_positions, std::size_t(config_.text_length + 1) * hidden);
  model_.image_embeddings =
      make_floats.table(&TransformerWeights::image_embeddings, std::size_t(config_.image_vocab) * hidden);
  model_.image_rows = make_floats.table(&TransformerWeights::image_rows, std::size_t(config_.grid) * hidden);
  model_.image_columns = make_floats.table(&TransformerWeights::image_columns, std::size_t(config_.grid) * hidden);
  model_.neighbours = neighbours;
  model_.neighbour_counts = neighbour_counts;
  model_.most_neighbours = most;
  model_.slot_elements = cache;
  model_.hidden_splits = splits_of(hidden, hidden);
  model_.up_splits = std::min(splits_of(4 * hidden, hidden), cuda::most_up_splits);
  model_.down_splits = splits_of(hidden, 4 * hidden);
}

CudaWeights::CudaWeights(const TransformerWeights& weights, const TransformerConfig& config, Precision precision,
                         int device)
    : CudaWeights(config, precision, device) {
  cuda::Stream stream;
  cuda::StagedUploader uploader(stream, vector_bytes(config), largest_staged(weights, config));

  // The plain numbers go to the device as they are; what else is to be done with them is done there: by take(their
  // type, where they are).
  const auto stage = [&](const at::Tensor& tensor, const auto& take) {
    const at::Tensor plain = tensor.scalar_type() == at::kDouble ? tensor.to(at::kFloat) : tensor.contiguous();
    uploader.upload(plain.const_data_ptr(), plain.nbytes(),
                    [plain, take](const void* place) { take(number_of(plain), place); });
  };
  const auto floats = [&](const at::Tensor& tensor, std::size_t padded) -> const float* {
    auto* to = static_cast<float*>(allocate(padded * sizeof(float)));
    stage(tensor, [&stream, to, count = tensor.numel()](cuda::Number number, const void* from) {
      cuda::widen_numbers(number, from, to, count, stream.get());
    });
    return to;
  };
  const auto matrix = [&](LinearWeights LayerWeights::*part, int layer, cuda::Matrix m) {
    LinearWeights linear;
    if (part != nullptr) {
      linear = weights.layers[layer].*part;
    } else {
      linear.weight = weights.logits.weight.slice(0, config.text_vocab, config.text_vocab + config.image_vocab);
      linear.bias = weights.logits.bias.slice(0, config.text_vocab, config.text_vocab + config.image_vocab);
    }
    void* packed = allocate(m.bytes());
    stage(linear.weight, [this, &stream, packed, m](cuda::Number number, const void* from) {
      cuda::pack_matrix(number, from, number_, packed, m.outputs, m.inputs, stream.get());
    });
    m.weights = packed;
    m.bias = floats(linear.bias, cuda::round_up(m.outputs, cuda::row_tile));
    return m;
  };
  struct {
    const TransformerWeights& weights;
    const decltype(floats)& copy;
    cuda::Norm norm(const NormWeights& from) const {
      return {copy(from.weight, from.weight.numel()), copy(from.bias, from.bias.numel())};
    }
    cuda::Norm norm(NormWeights LayerWeights::*part, int layer) const { return norm(weights.layers[layer].*part); }
    cuda::Norm final_norm(NormWeights TransformerWeights::*part) const { return norm(weights.*part); }
    const float* table(at::Tensor TransformerWeights::*part, std::size_t count) const {
      return copy(weights.*part, count);
    }
  } const tables{weights, floats};
  build(matrix, tables);
  uploader.finish();
  stream.synchronize();
}

CudaWeights CudaWeights::random(const TransformerConfig& config, Precision precision, int device) {
  CudaWeights result(config, precision, device);
  cuda::Stream stream;
  std::uint64_t seed = 0;
  const auto floats = [&](std::size_t count, float scale) {
    void* to = result.allocate(count * sizeof(float));
    cuda::fill_random(cuda::Number::fp32, to, count, scale, ++seed, stream);
    return static_cast<const float*>(to);
  };
  const auto ones = [&](std::size_t count) {
    const std::vector<float> values(count, 1.0f);
    void* to = result.allocate(count * sizeof(float));
    stream.to_device(to, values.data(), count * sizeof(float));
    return static_cast<const float*>(to);
  };
  const auto matrix = [&](LinearWeights LayerWeights::*, int, cuda::Matrix m) {
    void* packed = result.allocate(m.bytes());
    cuda::fill_random(result.number_, packed, m.bytes() / 2, std::sqrt(3.0f / m.inputs), ++seed, stream);
    m.weights = packed;
    m.bias = floats(cuda::round_up(m.outputs, cuda::row_tile), 0.1f);
    return m;
  };
  struct {
    const decltype(floats)& make;
    const decltype(ones)& one;
    std::size_t hidden;
    cuda::Norm norm(NormWeights LayerWeights::*, int) const { return {one(hidden), make(hidden, 0.1f)}; }
    cuda::Norm final_norm(NormWeights TransformerWeights::*) const { return {one(hidden), make(hidden, 0.1f)}; }
    const float* table(at::Tensor TransformerWeights::*, std::size_t count) const { return make(count, 0.5f); }
  } const tables{floats, ones, std::size_t(config.hidden)};
  result.build(matrix, tables);
  stream.synchronize();
  return result;
}

std::size_t CudaWeights::bytes() const {
  std::size_t total = 0;
  for (const cuda::DeviceMemory& memory : memory_) total += memory.bytes();
  return total;
}

std::size_t CudaWeights::bytes(const TransformerConfig& config) {
  const int hidden = config.hidden;
  const std::size_t layer = shape_of(3 * hidden, hidden).bytes() + shape_of(hidden, hidden).bytes() +
                            shape_of(4 * hidden, hidden).bytes() + shape_of(hidden, 4 * hidden).bytes() +
                            sizeof(float) * 17 * std::size_t(hidden);
  const std::size_t tables =
      std::size_t(config.text_vocab + config.text_length + 1 + config.image_vocab + 2 * config.grid) * hidden;
  return layer * config.layers + shape_of(config.image_vocab, hidden).bytes() + tables * sizeof(float);
}

std::size_t CudaWeights::loading_bytes(const TransformerWeights& weights, const TransformerConfig& config) {
  return cuda::StagedUploader::bytes(vector_bytes(config), largest_staged(weights, config));
}

}  // namespace kandinsky
