#include "transformer/cpu_decoder.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "core/fail.h"

namespace kandinsky {

using cpu::AlignedBuffer;
using cpu::padded;

namespace {

// Rows of transposed keys can be read one vector past the end.
std::size_t key_stride(int capacity) { return padded(capacity) + cpu::lanes; }

std::size_t text_keys_of_head(const TransformerConfig& config) {
  return config.head_size() * key_stride(config.text_length);
}

}  // namespace

// Keys transposed, [layer][head][head_size][stride]; values [layer][head][text_length][value_stride].
struct CpuDecoder::Prompt : PromptState {
  AlignedBuffer<float> keys;
  AlignedBuffer<float> values;
  std::vector<float> logits;      // v3: those that image id 0 is drawn from
  std::int32_t last_text_id = 0;  // v2: the token at raster index 0
};

struct CpuDecoder::Slot {
  SlotRequest request;
  const Prompt* prompt;
  std::vector<std::int32_t> tokens;
  std::vector<float> logits;
  PerplexityMeter perplexity;
};

// What one row of a step is: an image position of a slot, or a text position of a prompt that is being filled.
struct CpuDecoder::Row {
  const Prompt* prompt;
  int slot;      // -1 for text
  int position;  // raster index, or text position
};

// [slot][head][group][head_size][stride] and [slot][head][group][capacity][value_stride].
struct CpuDecoder::LayerCache {
  AlignedBuffer<float> keys;
  AlignedBuffer<float> values;
  std::size_t stride;
  std::size_t group_keys;
  std::size_t group_values;
  std::vector<std::vector<cpu::Segment>> segments;  // by raster index
};

struct CpuDecoder::Scratch {
  AlignedBuffer<float> scores;
  AlignedBuffer<float> row;
  AlignedBuffer<std::uint32_t> pairs;
  Sampler sampler;
};

CpuDecoder::CpuDecoder(std::shared_ptr<const CpuWeights> weights, int slots, int threads, const cpu::Kernels& kernels)
    : weights_(std::move(weights)),
      config_(weights_->config),
      kernels_(kernels),
      team_(threads),
      value_stride_(padded(config_.head_size())),
      most_rows_(std::max(slots, config_.text_length)),
      slots_(slots) {
  const int heads = config_.heads;
  std::size_t most_keys = 0;
  for (int layer = 0; layer < config_.layers; ++layer) {
    const CacheLayout& layout = layouts_.emplace_back(mask_kind(layer, config_.layers), config_);
    LayerCache& cache = caches_.emplace_back();
    cache.stride = key_stride(layout.capacity());
    cache.group_keys = config_.head_size() * cache.stride;
    cache.group_values = layout.capacity() * value_stride_;
    cache.keys = AlignedBuffer<float>(std::size_t(slots) * heads * layout.groups() * cache.group_keys);
    cache.values = AlignedBuffer<float>(std::size_t(slots) * heads * layout.groups() * cache.group_values);
    for (int raster = 0; raster < config_.image_length(); ++raster) {
      std::vector<cpu::Segment>& segments = cache.segments.emplace_back();
      std::size_t keys = 0;
      for (const KeySegment& segment : layout.segments(raster)) {
        segments.push_back({segment.start, segment.count});
        keys += padded(segment.count);
      }
      most_keys = std::max(most_keys, keys);
    }
  }
  const auto buffer = [this](std::size_t width) { return AlignedBuffer<float>(most_rows_ * padded(width)); };
  x_ = buffer(config_.hidden);
  h_ = buffer(config_.hidden);
  query_key_value_ = buffer(3 * std::size_t(config_.hidden));
  context_ = buffer(config_.hidden);
  projected_ = buffer(config_.hidden);
  inner_ = buffer(4 * std::size_t(config_.hidden));
  logits_ = AlignedBuffer<float>(std::max(slots, 1) * padded(config_.image_vocab));
  rows_.reserve(most_rows_);
  for (int i = 0; i < team_.size(); ++i) {
    Scratch& scratch = scratch_.emplace_back();
    scratch.scores = AlignedBuffer<float>(padded(config_.text_length) + most_keys + cpu::lanes);
    scratch.row = AlignedBuffer<float>(padded(config_.hidden) + 2 * value_stride_);
    scratch.pairs = AlignedBuffer<std::uint32_t>(std::size_t(most_rows_) * 2 * padded(config_.hidden));
  }
}

CpuDecoder::~CpuDecoder() = default;

int CpuDecoder::slots() const { return static_cast<int>(slots_.size()); }

std::size_t CpuDecoder::prompt_bytes(const TransformerConfig& config) {
  const std::size_t values = std::size_t(config.text_length) * padded(config.head_size());
  return sizeof(float) * config.layers * config.heads * (text_keys_of_head(config) + values);
}

std::size_t CpuDecoder::cache_bytes(const TransformerConfig& config, int slots) {
  std::size_t floats = 0;
  for (int layer = 0; layer < config.layers; ++layer) {
    const CacheLayout layout(mask_kind(layer, config.layers), config);
    const std::size_t group =
        config.head_size() * key_stride(layout.capacity()) + layout.capacity() * padded(config.head_size());
    floats += std::size_t(slots) * config.heads * layout.groups() * group;
  }
  const std::size_t rows = std::max(slots, config.text_length);
  floats += rows * 12 * padded(config.hidden) + std::size_t(slots) * padded(config.image_vocab);
  return floats * sizeof(float);
}

// y[row] = matrix x[row] for this thread's part of the outputs.
void CpuDecoder::multiply(int thread, const cpu::PackedMatrix& matrix, cpu::Activation activation, int first_row,
                          int rows, const AlignedBuffer<float>& x, std::size_t x_stride, AlignedBuffer<float>& y,
                          std::size_t y_stride) {
  cpu::Matmul m = matrix.matmul(activation);
  const auto [first, last] = team_.share(thread, matrix.panels());
  m.rows = rows;
  m.x = x.data() + first_row * x_stride;
  m.x_stride = x_stride;
  m.y = y.data();
  m.y_stride = y_stride;
  m.first_panel = first;
  m.last_panel = last;
  if (first == last) return;
  if (matrix.format() == cpu::WeightFormat::bf16_pairs) {
    const std::size_t pairs = (matrix.inputs() + 1) / 2;
    std::uint32_t* out = scratch_[thread].pairs.data();
    for (int row = 0; row < rows; ++row) cpu::to_bf16_pairs(m.x + row * x_stride, matrix.inputs(), out + row * pairs);
    m.x = reinterpret_cast<const float*>(out);
    m.x_stride = pairs;
  }
  kernels_.matmul(m);
}

void CpuDecoder::attend(int thread, std::span<const Row> rows, int layer, Prompt* filling) {
  const int heads = config_.heads;
  const int size = config_.head_size();
  const std::size_t hidden = padded(config_.hidden);
  const std::size_t fused = padded(3 * std::size_t(config_.hidden));
  const std::size_t text_stride = key_stride(config_.text_length);
  const std::size_t text_keys = text_keys_of_head(config_);
  const std::size_t text_values = config_.text_length * value_stride_;
  const float scale = 1.0f / std::sqrt(static_cast<float>(size));
  LayerCache& cache = caches_[layer];
  const CacheLayout& layout = layouts_[layer];
  Scratch& scratch = scratch_[thread];

  // Heads of text rows stay together: a query needs the keys of the rows before it.
  const int tasks = filling != nullptr ? heads : heads * static_cast<int>(rows.size());
  const auto [first, last] = team_.share(thread, tasks);
  for (int task = first; task < last; ++task) {
    const int head = filling != nullptr ? task : task % heads;
    const std::size_t layer_head = std::size_t(layer) * heads + head;
    const std::size_t first_row = filling != nullptr ? 0 : task / heads;
    const std::size_t last_row = filling != nullptr ? rows.size() : first_row + 1;
    for (std::size_t index = first_row; index < last_row; ++index) {
      const Row& row = rows[index];
      const float* query = query_key_value_.data() + index * fused + head * size;
      const float* key = query + config_.hidden;
      const float* value = key + config_.hidden;
      float* scaled = scratch.row.data();
      float* out = scaled + value_stride_;
      for (int d = 0; d < size; ++d) scaled[d] = query[d] * scale;

      cpu::Attention a{};
      a.query = scaled;
      a.head_size = size;
      a.text_stride = text_stride;
      a.value_stride = value_stride_;
      a.scores = scratch.scores.data();
      a.out = out;
      float* keys;
      std::size_t stride;
      float* values;
      if (filling != nullptr) {
        keys = filling->keys.data() + layer_head * text_keys + row.position;
        stride = text_stride;
        values = filling->values.data() + layer_head * text_values + row.position * value_stride_;
        a.text_count = row.position + 1;
      } else {
        const std::size_t group = (std::size_t(row.slot) * heads + head) * layout.groups() + layout.group(row.position);
        a.image_keys = cache.keys.data() + group * cache.group_keys;
        a.image_values = cache.values.data() + group * cache.group_values;
        a.image_stride = cache.stride;
        a.segments = cache.segments[row.position].data();
        a.segment_count = static_cast<int>(cache.segments[row.position].size());
        const int place = layout.slot(row.position);
        keys = cache.keys.data() + group * cache.group_keys + place;
        stride = cache.stride;
        values = cache.values.data() + group * cache.group_values + place * value_stride_;
        a.text_count = config_.text_length;
      }
      for (int d = 0; d < size; ++d) keys[d * stride] = key[d];
      std::memcpy(values, value, size * sizeof(float));
      a.text_keys = row.prompt->keys.data() + layer_head * text_keys;
      a.text_values = row.prompt->values.data() + layer_head * text_values;
      kernels_.attention(a);
      std::memcpy(context_.data() + index * hidden + head * size, out, size * sizeof(float));
    }
  }
}

// All layers over the rows whose embeddings are in x_; every thread of the team calls it. Leaves the logits' input in
// h_.
void CpuDecoder::run_layers(int thread, std::span<const Row> rows, Prompt* filling) {
  const int count = static_cast<int>(rows.size());
  const std::size_t hidden = padded(config_.hidden);
  const auto mine = team_.share(thread, count);
  const int first = mine.first, last = mine.last;

  // x += t through the sandwich norm, h = norm(x), for this thread's rows.
  const auto between = [&](const AlignedBuffer<float>* t, bool clamp, const CpuWeights::Norm* sandwich,
                           const CpuWeights::Norm& norm) {
    for (int row = first; row < last; ++row) {
      cpu::ResidualNorm a{};
      a.count = config_.hidden;
      a.x = x_.data() + row * hidden;
      a.t = t == nullptr ? nullptr : t->data() + row * hidden;
      a.clamp = clamp;
      a.sandwich_weight = sandwich == nullptr ? nullptr : sandwich->weight.data();
      a.sandwich_bias = sandwich == nullptr ? nullptr : sandwich->bias.data();
      a.norm_weight = norm.weight.data();
      a.norm_bias = norm.bias.data();
      a.h = h_.data() + row * hidden;
      a.scratch = scratch_[thread].row.data();
      kernels_.residual_norm(a);
    }
    team_.barrier();
  };

  between(nullptr, false, nullptr, weights_->layers[0].input_norm);
  for (int i = 0; i < config_.layers; ++i) {
    const CpuWeights::Layer& layer = weights_->layers[i];
    multiply(thread, layer.query_key_value, cpu::Activation::none, 0, count, h_, hidden, query_key_value_,
             padded(3 * std::size_t(config_.hidden)));
    team_.barrier();
    attend(thread, rows, i, filling);
    team_.barrier();
    multiply(thread, layer.dense, cpu::Activation::none, 0, count, context_, hidden, projected_, hidden);
    team_.barrier();
    between(&projected_, true, &layer.first_addition_norm, layer.post_attention_norm);
    multiply(thread, layer.up, cpu::Activation::gelu, 0, count, h_, hidden, inner_, 4 * hidden);
    team_.barrier();
    multiply(thread, layer.down, cpu::Activation::none, 0, count, inner_, 4 * hidden, projected_, hidden);
    team_.barrier();
    const bool more = i + 1 < config_.layers;
    between(&projected_, false, &layer.second_addition_norm,
            more ? weights_->layers[i + 1].input_norm : weights_->final_norm);
  }
  for (int row = first; row < last; ++row) {
    cpu::ResidualNorm a{};
    a.count = config_.hidden;
    a.x = h_.data() + row * hidden;
    a.norm_weight = weights_->logits_norm.weight.data();
    a.norm_bias = weights_->logits_norm.bias.data();
    a.h = a.x;
    kernels_.residual_norm(a);
  }
  team_.barrier();
}

void CpuDecoder::image_logits(int thread, int first_row, int rows) {
  multiply(thread, weights_->image_logits, cpu::Activation::none, first_row, rows, h_, padded(config_.hidden), logits_,
           padded(config_.image_vocab));
  team_.barrier();
}

// `position` counts the text's embeddings: in v2 token 2 stands at 0 and text id i at i + 1. `id` is final.
void CpuDecoder::embed_text(int row, int position, std::int32_t id) {
  const float* token = weights_->text_embeddings.data() + std::size_t(id) * config_.hidden;
  const float* place = weights_->text_positions.data() + std::size_t(position) * config_.hidden;
  float* x = x_.data() + row * padded(config_.hidden);
  for (int d = 0; d < config_.hidden; ++d) x[d] = token[d] + place[d];
}

std::shared_ptr<const PromptState> CpuDecoder::prefill(std::span<const std::int32_t> text) {
  const int length = config_.text_length;
  auto prompt = std::make_shared<Prompt>();
  prompt->keys = AlignedBuffer<float>(std::size_t(config_.layers) * config_.heads * text_keys_of_head(config_));
  prompt->values = AlignedBuffer<float>(std::size_t(config_.layers) * config_.heads * length * value_stride_);

  // Every padding position has a token of its own.
  std::vector<std::int32_t> ids(text.begin(), text.end());
  for (int i = 0; i < length; ++i)
    if (ids[i] == 0) ids[i] = config_.text_vocab - length + i;
  prompt->last_text_id = ids.back();
  if (config_.version == 2) {
    ids.insert(ids.begin(), 2);
    ids.pop_back();
  }
  rows_.clear();
  for (int i = 0; i < length; ++i) {
    embed_text(i, i, ids[i]);
    rows_.push_back({prompt.get(), -1, i});
  }
  team_.run([&](int thread) {
    run_layers(thread, rows_, prompt.get());
    if (config_.version != 2) image_logits(thread, length - 1, 1);
  });
  if (config_.version != 2) prompt->logits.assign(logits_.data(), logits_.data() + config_.image_vocab);
  return prompt;
}

void CpuDecoder::advance(Slot& slot, Sampler& sampler, std::span<const float> logits) {
  const int position = static_cast<int>(slot.tokens.size());
  const SlotRequest& request = slot.request;
  const bool forced = !request.forced.empty() && request.forced[position] >= 0;
  const std::int32_t id = forced ? request.forced[position]
                                 : sampler.sample(logits, request.sampling, request.seed, request.number, position);
  if (position > 0) slot.perplexity.add(logits, id);
  slot.tokens.push_back(id);
  slot.logits.assign(logits.begin(), logits.end());
}

void CpuDecoder::start(int index, SlotRequest request) {
  auto slot = std::make_unique<Slot>();
  slot->prompt = static_cast<const Prompt*>(request.prompt.get());
  slot->request = std::move(request);
  slot->tokens.reserve(config_.image_length());
  slot->logits.reserve(config_.image_vocab);
  if (config_.version != 2) advance(*slot, scratch_[0].sampler, slot->prompt->logits);
  slots_.at(index) = std::move(slot);
}

void CpuDecoder::step() {
  rows_.clear();
  for (int i = 0; i < slots(); ++i) {
    if (!slots_[i] || static_cast<int>(slots_[i]->tokens.size()) == config_.image_length()) continue;
    const Slot& slot = *slots_[i];
    const int row = static_cast<int>(rows_.size());
    // v2 counts the last text token as raster index 0.
    const int shift = config_.version == 2 ? 1 : 0;
    const int raster = static_cast<int>(slot.tokens.size()) - 1 + shift;
    if (shift == 1 && raster == 0) {
      embed_text(row, config_.text_length, slot.prompt->last_text_id);
    } else {
      const int pixel = raster - shift;
      const std::size_t hidden = config_.hidden;
      const float* token = weights_->image_embeddings.data() + slot.tokens[pixel] * hidden;
      const float* down = weights_->image_rows.data() + (pixel / config_.grid) * hidden;
      const float* across = weights_->image_columns.data() + (pixel % config_.grid) * hidden;
      float* x = x_.data() + row * padded(hidden);
      for (std::size_t d = 0; d < hidden; ++d) x[d] = token[d] + (down[d] + across[d]);
    }
    rows_.push_back({slot.prompt, i, raster});
  }
  if (rows_.empty()) return;
  const int count = static_cast<int>(rows_.size());
  team_.run([&](int thread) {
    run_layers(thread, rows_, nullptr);
    image_logits(thread, 0, count);
    for (int row = thread; row < count; row += team_.size())
      advance(*slots_[rows_[row].slot], scratch_[thread].sampler,
              {logits_.data() + row * padded(config_.image_vocab), std::size_t(config_.image_vocab)});
  });
}

int CpuDecoder::position(int slot) const {
  return slots_.at(slot) ? static_cast<int>(slots_[slot]->tokens.size()) : -1;
}

DrawnTokens CpuDecoder::result(int slot) const {
  const Slot& from = *slots_.at(slot);
  return {from.request.number, from.tokens, from.perplexity.value()};
}

std::vector<float> CpuDecoder::newest_logits(int slot) const { return slots_.at(slot)->logits; }

void CpuDecoder::release(int slot) { slots_.at(slot).reset(); }

}  // namespace kandinsky
