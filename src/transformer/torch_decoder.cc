#include "transformer/torch_decoder.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

namespace kandinsky {
namespace {

constexpr std::array<MaskKind, 3> kinds = {MaskKind::row, MaskKind::column, MaskKind::convolution};

at::Tensor hidden_places(const CacheLayout& layout, int image_length) {
  at::Tensor table = at::ones({image_length, layout.capacity()}, at::kBool);
  bool* row = table.mutable_data_ptr<bool>();
  for (int raster = 0; raster < image_length; ++raster, row += layout.capacity())
    for (const KeySegment& segment : layout.segments(raster)) std::fill_n(row + segment.start, segment.count, false);
  return table;
}

int padded(int slots) { return (slots + TorchDecoder::lanes - 1) / TorchDecoder::lanes * TorchDecoder::lanes; }

}  // namespace

struct TorchDecoder::Prompt : PromptState {
  std::vector<at::Tensor> keys;  // one a layer: [heads, text_length, head_size]
  std::vector<at::Tensor> values;
  std::vector<float> logits;      // v3: those that image id 0 is drawn from
  std::int32_t last_text_id = 0;  // v2: the token at raster index 0
};

struct TorchDecoder::Slot {
  SlotRequest request;
  const Prompt* prompt;
  std::vector<std::int32_t> tokens;
  std::vector<float> logits;
  PerplexityMeter perplexity;
};

// What eight slots run in one step; tensors are [lanes] on the device unless said otherwise.
struct TorchDecoder::Lanes {
  // Where a kind of layer keeps the lanes' keys.
  struct Places {
    at::Tensor cells;
    std::optional<std::int64_t> first_cell;  // where the cells are consecutive
    at::Tensor places;                       // of the new keys
    at::Tensor hidden;                       // [lanes, 1, capacity]
  };

  at::Tensor ids;  // image ids, and where they stand in the image
  at::Tensor pixels;
  at::Tensor text_ids;           // v2: of lanes at raster index 0, where `at_start` is true; else undefined
  at::Tensor at_start;           // [lanes, 1, 1]
  std::array<Places, 3> places;  // by MaskKind
  std::vector<const Prompt*> prompts;
  std::vector<at::Tensor> of_prompt;  // [lanes, 1, 1]: whether a lane is of prompts[i]; empty for a single prompt
};

TorchDecoder::TorchDecoder(std::shared_ptr<const Network> network, int slots)
    : network_(std::move(network)), padded_slots_(padded(slots)), slots_(slots) {
  const c10::InferenceMode inference;
  const at::Device device = network_->device();
  for (const MaskKind kind : kinds) {
    layouts_.emplace_back(kind, config());
    hidden_[static_cast<int>(kind)] = hidden_places(layout(kind), config().image_length()).to(device);
  }
  const auto options = network_->weights().logits.weight.options();
  for (int i = 0; i < config().layers; ++i) {
    const CacheLayout& places = layout(mask_kind(i, config().layers));
    const std::vector<std::int64_t> shape = {std::int64_t{places.groups()} * padded_slots_, config().heads,
                                             places.capacity(), config().head_size()};
    caches_.push_back({at::zeros(shape, options), at::zeros(shape, options)});
  }
}

TorchDecoder::~TorchDecoder() = default;

std::size_t TorchDecoder::cache_bytes(const TransformerConfig& config, int slots, std::size_t number_bytes) {
  std::size_t keys = 0;
  for (int i = 0; i < config.layers; ++i) {
    const CacheLayout layout(mask_kind(i, config.layers), config);
    keys += std::size_t(layout.groups()) * layout.capacity();
  }
  return 2 * number_bytes * padded(slots) * keys * config.hidden;
}

std::size_t TorchDecoder::prompt_bytes(const TransformerConfig& config, std::size_t number_bytes) {
  return 2 * number_bytes * config.layers * config.text_length * config.hidden;
}

std::shared_ptr<const PromptState> TorchDecoder::prefill(std::span<const std::int32_t> text) {
  const c10::InferenceMode inference;
  const TransformerWeights& weights = network_->weights();
  const std::int64_t length = config().text_length;
  const at::Tensor ids = at::tensor(at::ArrayRef<std::int32_t>(text.data(), text.size()), at::kLong);
  const at::Tensor tokens = network_->text_tokens(ids.unsqueeze(0).to(network_->device()));
  const at::Tensor causal = at::ones({length, length}, tokens.options().dtype(at::kBool)).tril();

  auto prompt = std::make_shared<Prompt>();
  prompt->last_text_id = tokens[0][-1].item().toInt();
  at::Tensor x = embed_text(weights, tokens.narrow(1, 0, length));
  for (const LayerWeights& layer : weights.layers) {
    const block::Heads heads = block::query_key_value(block::normalize(x, layer.input_norm), layer, config().heads);
    prompt->keys.push_back(heads.key[0].contiguous());
    prompt->values.push_back(heads.value[0].contiguous());
    const at::Tensor context =
        block::attend(heads.query[0], prompt->keys.back(), prompt->values.back(), causal, config().relax);
    x = block::add_attention(x, context.transpose(0, 1).flatten(1).unsqueeze(0), layer);
    x = block::add_mlp(x, layer);
  }
  if (config().version != 2) {
    const at::Tensor last = network_->finish(x[0].narrow(0, length - 1, 1));
    const at::Tensor logits = network_->image_logits(last).to(at::kCPU).contiguous();
    prompt->logits.assign(logits.const_data_ptr<float>(), logits.const_data_ptr<float>() + logits.numel());
  }
  return prompt;
}

void TorchDecoder::advance(Slot& slot, std::span<const float> logits) {
  const int position = static_cast<int>(slot.tokens.size());
  const SlotRequest& request = slot.request;
  const bool forced = !request.forced.empty() && request.forced[position] >= 0;
  const std::int32_t id = forced ? request.forced[position]
                                 : sampler_.sample(logits, request.sampling, request.seed, request.number, position);
  if (position > 0) slot.perplexity.add(logits, id);
  slot.tokens.push_back(id);
  slot.logits.assign(logits.begin(), logits.end());
}

void TorchDecoder::start(int index, SlotRequest request) {
  const c10::InferenceMode inference;
  auto slot = std::make_unique<Slot>();
  slot->prompt = static_cast<const Prompt*>(request.prompt.get());
  slot->request = std::move(request);
  // Places that are not seen have weight 0, which a value left by an earlier image, if infinite, would turn
  // into NaN.
  for (LayerCache& cache : caches_)
    for (at::Tensor* part : {&cache.keys, &cache.values})
      part->unflatten(0, {-1, padded_slots_}).select(1, index).zero_();
  if (config().version != 2) advance(*slot, slot->prompt->logits);
  slots_.at(index) = std::move(slot);
}

// Of the token that the next id is drawn after.
int TorchDecoder::raster(const Slot& slot) const {
  return static_cast<int>(slot.tokens.size()) - (config().version == 2 ? 0 : 1);
}

bool TorchDecoder::active(int slot) const {
  return slot < slots() && slots_[slot] && static_cast<int>(slots_[slot]->tokens.size()) < config().image_length();
}

TorchDecoder::Lanes TorchDecoder::arrange(int first_slot) const {
  // One transfer for all numbers: image ids, pixels, text ids, prompts, raster indices, then cells and places
  // of each kind of layer.
  enum Row { id, pixel, text_id, prompt, raster_index, cells, places = cells + 3, count = places + 3 };
  std::int64_t numbers[count][lanes];

  Lanes result;
  int leader = first_slot;  // whose work the idle lanes repeat, in cells of their own
  while (!active(leader)) ++leader;
  bool any_at_start = false;
  for (int lane = 0; lane < lanes; ++lane) {
    const Slot& slot = *slots_[active(first_slot + lane) ? first_slot + lane : leader];
    const int r = raster(slot);
    const int p = config().version == 2 ? r - 1 : r;
    any_at_start |= p < 0;
    numbers[id][lane] = p < 0 ? 0 : slot.tokens[p];
    numbers[pixel][lane] = std::max(p, 0);
    numbers[text_id][lane] = slot.prompt->last_text_id;
    auto known = std::find(result.prompts.begin(), result.prompts.end(), slot.prompt);
    numbers[prompt][lane] = known - result.prompts.begin();
    if (known == result.prompts.end()) result.prompts.push_back(slot.prompt);
    numbers[raster_index][lane] = r;
    for (int kind = 0; kind < 3; ++kind) {
      numbers[cells + kind][lane] = std::int64_t{layouts_[kind].group(r)} * padded_slots_ + first_slot + lane;
      numbers[places + kind][lane] = layouts_[kind].slot(r);
    }
  }
  const at::Tensor table = at::from_blob(numbers, {count, lanes}, at::kLong).to(network_->device(), false, true);
  result.ids = table[id];
  result.pixels = table[pixel];
  if (any_at_start) {
    result.text_ids = table[text_id];
    result.at_start = (table[raster_index] == 0).view({lanes, 1, 1});
  }
  for (int kind = 0; kind < 3; ++kind) {
    Lanes::Places& to = result.places[kind];
    const std::int64_t* row = numbers[cells + kind];
    if (row[lanes - 1] - row[0] == lanes - 1 && std::is_sorted(row, row + lanes)) to.first_cell = row[0];
    to.cells = table[cells + kind];
    to.places = table[places + kind];
    to.hidden = hidden_[kind].index_select(0, table[raster_index]).unsqueeze(1);
  }
  if (result.prompts.size() > 1)
    for (std::size_t i = 0; i < result.prompts.size(); ++i)
      result.of_prompt.push_back((table[prompt] == static_cast<std::int64_t>(i)).view({lanes, 1, 1}));
  return result;
}

// [lanes, 1, hidden]
at::Tensor TorchDecoder::embed(const Lanes& lanes) const {
  const TransformerWeights& weights = network_->weights();
  at::Tensor image = embed_image(weights, lanes.ids, lanes.pixels, config().grid).unsqueeze(1);
  if (!lanes.at_start.defined()) return image;
  const at::Tensor token = at::embedding(weights.text_embeddings, lanes.text_ids).to(at::kFloat).unsqueeze(1);
  return at::where(lanes.at_start, token + weights.text_positions[config().text_length].to(at::kFloat), image);
}

// Stores the lanes' keys and values and gives the heads' joined results, [lanes, 1, hidden].
at::Tensor TorchDecoder::attend(const block::Heads& heads, int layer, const Lanes& lanes) {
  LayerCache& cache = caches_[layer];
  const Lanes::Places& at = lanes.places[static_cast<int>(mask_kind(layer, config().layers))];
  cache.keys.transpose(1, 2).index_put_({at.cells, at.places}, heads.key.squeeze(2));
  cache.values.transpose(1, 2).index_put_({at.cells, at.places}, heads.value.squeeze(2));
  // [lanes * heads, capacity, head_size], without a copy where all lanes read the same group.
  const auto cells = [&](const at::Tensor& part) {
    return (at.first_cell ? part.narrow(0, *at.first_cell, TorchDecoder::lanes) : part.index_select(0, at.cells))
        .flatten(0, 1);
  };
  // Each lane's row of what it gets with its own prompt: [lanes, heads, n].
  const auto of_own_prompt = [&](const auto& compute) {
    at::Tensor result = compute(*lanes.prompts[0]).transpose(0, 1);
    for (std::size_t i = 1; i < lanes.prompts.size(); ++i)
      result = at::where(lanes.of_prompt[i], compute(*lanes.prompts[i]).transpose(0, 1), result);
    return result;
  };

  const int text = config().text_length;
  const at::Tensor query = heads.query.squeeze(2) / std::sqrt(static_cast<double>(config().head_size()));
  const at::Tensor query_by_head = query.transpose(0, 1).contiguous();  // [heads, lanes, head_size]
  const at::Tensor text_scores =
      of_own_prompt([&](const Prompt& prompt) { return at::bmm(query_by_head, prompt.keys[layer].transpose(1, 2)); });
  const at::Tensor image_scores = at::bmm(query.flatten(0, 1).unsqueeze(1), cells(cache.keys).transpose(1, 2))
                                      .view({TorchDecoder::lanes, config().heads, -1})
                                      .masked_fill(at.hidden, -std::numeric_limits<float>::infinity());
  const at::Tensor scores = at::cat({text_scores, image_scores}, -1).to(at::kFloat);
  const at::Tensor weights = at::softmax(scores, -1).to(query.scalar_type());

  const at::Tensor text_weights = weights.narrow(2, 0, text).transpose(0, 1).contiguous();
  const at::Tensor text_context =
      of_own_prompt([&](const Prompt& prompt) { return at::bmm(text_weights, prompt.values[layer]); });
  const at::Tensor image_weights = weights.narrow(2, text, weights.size(2) - text).flatten(0, 1).unsqueeze(1);
  const at::Tensor image_context = at::bmm(image_weights, cells(cache.values)).view_as(text_context);
  return (text_context + image_context).flatten(1).unsqueeze(1);
}

void TorchDecoder::step_lanes(int first_slot) {
  const Lanes lanes = arrange(first_slot);
  at::Tensor x = embed(lanes);
  for (int i = 0; i < config().layers; ++i) {
    const LayerWeights& layer = network_->weights().layers[i];
    const block::Heads heads = block::query_key_value(block::normalize(x, layer.input_norm), layer, config().heads);
    x = block::add_attention(x, attend(heads, i, lanes), layer);
    x = block::add_mlp(x, layer);
  }
  const at::Tensor logits = network_->image_logits(network_->finish(x)).to(at::kCPU).contiguous();
  const std::size_t vocabulary = config().image_vocab;
  for (int lane = 0; lane < TorchDecoder::lanes; ++lane)
    if (active(first_slot + lane))
      advance(*slots_[first_slot + lane], {logits.const_data_ptr<float>() + lane * vocabulary, vocabulary});
}

void TorchDecoder::step() {
  const c10::InferenceMode inference;
  for (int first = 0; first < slots(); first += lanes) {
    bool any = false;
    for (int lane = 0; lane < lanes; ++lane) any |= active(first + lane);
    if (any) step_lanes(first);
  }
}

int TorchDecoder::position(int slot) const {
  return slots_.at(slot) ? static_cast<int>(slots_[slot]->tokens.size()) : -1;
}

DrawnTokens TorchDecoder::result(int slot) const {
  const Slot& from = *slots_.at(slot);
  return {from.request.number, from.tokens, from.perplexity.value()};
}

std::vector<float> TorchDecoder::newest_logits(int slot) const { return slots_.at(slot)->logits; }

void TorchDecoder::release(int slot) { slots_.at(slot).reset(); }

}  // namespace kandinsky
