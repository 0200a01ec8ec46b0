#include "transformer/cuda_decoder.h"

#include <algorithm>
#include <limits>

#include "core/fail.h"
#include "transformer/cache_layout.h"

namespace kandinsky {
namespace {

// Rows of a pass: as many as the slots, in the sizes that the kernels are made for. The smallest has the least latency,
// but its activations go through the hands of a few threads.
int rows_for(const TransformerConfig& config, int slots) {
  const int few = cuda::short_layers(config.hidden) ? 4 : 2;
  return slots <= few ? 8 : slots <= 16 ? 16 : slots <= 32 ? 32 : 64;
}

std::size_t logits_stride(const TransformerConfig& config) {
  return cuda::round_up(config.image_vocab, cuda::row_tile);
}

std::size_t work_bytes(const TransformerConfig& config, int rows) {
  const std::size_t hidden = config.hidden, inner = cuda::activation_bytes(4 * config.hidden, rows);
  const std::size_t up_parts = 4 * hidden * rows * sizeof(float);
  return rows * (sizeof(cuda::Row) + sizeof(float) * (hidden + logits_stride(config)) +
                 sizeof(cuda::StampedWord) * cuda::most_splits * (hidden / 2 * 3 + hidden / 2)) +
         2 * cuda::activation_bytes(config.hidden, rows) +
         (cuda::parts_up(rows) ? std::max(inner, cuda::most_up_splits * up_parts) : inner + up_parts) +
         sizeof(cuda::Meeting);
}

std::size_t slot_elements(const TransformerConfig& config) {
  std::size_t elements = 0;
  for (int i = 0; i < config.layers; ++i) {
    const CacheLayout layout(mask_kind(i, config.layers), config);
    elements += std::size_t(layout.groups()) * layout.capacity() * config.hidden;
  }
  return elements;
}

}  // namespace

struct CudaDecoder::Prompt : PromptState {
  cuda::DeviceMemory keys;
  cuda::DeviceMemory values;
  cuda::DeviceMemory logits;      // v3: those that image id 0 is drawn from
  std::int32_t last_text_id = 0;  // v2: the token at raster index 0
};

struct CudaDecoder::Slot {
  Slot(SlotRequest&& what, int start) : request(std::move(what)), position(start) {}
  SlotRequest request;
  int position;
};

// Buffers of a pass.
struct CudaDecoder::Work {
  cuda::DeviceMemory row, x, activations, context, inner, first_up, query_key_value, partial, logits, meeting, profile;
  cuda::Buffers buffers{};
  cuda::Plan plan{};
  std::size_t row_words = 0;  // of a row of hidden numbers
  std::size_t splits = 0;     // parts of products, at most
  std::size_t up_splits = 1;  // of `up`
  bool parts_up = false;      // `inner` holds them

  Work(const CudaWeights& weights, int rows, int slots, void* keys, void* values) {
    const TransformerConfig& config = weights.config();
    const std::size_t numbers = std::size_t(rows) * config.hidden;
    splits = std::max(weights.model().hidden_splits, weights.model().down_splits);
    up_splits = weights.model().up_splits;
    row = cuda::DeviceMemory(rows * sizeof(cuda::Row));
    x = cuda::DeviceMemory(numbers * sizeof(float));
    activations = cuda::DeviceMemory(cuda::activation_bytes(config.hidden, rows));
    context = cuda::DeviceMemory(cuda::activation_bytes(config.hidden, rows));
    parts_up = up_splits > 1 && cuda::parts_up(rows);
    inner = cuda::DeviceMemory(parts_up ? up_splits * 4 * numbers * sizeof(float)
                                        : cuda::activation_bytes(4 * config.hidden, rows));
    if (up_splits > 1 && !parts_up) first_up = cuda::DeviceMemory(4 * numbers * sizeof(float));
    query_key_value = cuda::DeviceMemory(splits * numbers / 2 * 3 * sizeof(cuda::StampedWord));
    partial = cuda::DeviceMemory(splits * numbers / 2 * sizeof(cuda::StampedWord));
    logits = cuda::DeviceMemory(sizeof(float) * rows * logits_stride(config));
    meeting = cuda::DeviceMemory(sizeof(cuda::Meeting));
    buffers.rows = rows;
    buffers.slots = slots;
    buffers.keys = keys;
    buffers.values = values;
    buffers.row = row.as<cuda::Row>();
    buffers.x = x.as<float>();
    buffers.activations = activations.get();
    buffers.context = context.get();
    buffers.inner = inner.get();
    buffers.first_up = first_up.as<float>();
    buffers.query_key_value = query_key_value.as<cuda::StampedWord>();
    buffers.partial = partial.as<cuda::StampedWord>();
    buffers.logits = logits.as<float>();
    buffers.meeting = meeting.as<cuda::Meeting>();
    plan = cuda::plan_pass(weights.model(), rows, weights.device());
    row_words = std::size_t(config.hidden) / 2;
  }

  // Before rows join that the pass before did not have: nothing of theirs may look like what is yet to come.
  void forget(int first, int count, const cuda::Stream& stream) const {
    const auto clear = [&](void* words, std::size_t width) {
      stream.fill(static_cast<cuda::StampedWord*>(words) + first * width, 0, count * width * sizeof(cuda::StampedWord));
    };
    const std::size_t rows = buffers.rows;
    const auto mark = [&](void* numbers, std::size_t width) {
      for (int turn = 0; turn < cuda::marked_turns; ++turn) {
        std::uint16_t* of_turn =
            static_cast<std::uint16_t*>(numbers) + turn * rows * cuda::round_up(width, cuda::k_chunk);
        if (cuda::receives_rows(buffers.rows) || count == buffers.rows)
          stream.fill(of_turn + first * width, 0xFF, count * width * sizeof *of_turn);
        else
          stream.fill(of_turn + first * cuda::marked_piece, 0xFF, count * cuda::marked_piece * sizeof *of_turn,
                      width / cuda::marked_piece, rows * cuda::marked_piece * sizeof *of_turn);
      }
    };
    for (std::size_t split = 0; split < splits; ++split) {
      clear(buffers.partial + split * buffers.rows * row_words, row_words);
      clear(buffers.query_key_value + split * buffers.rows * 3 * row_words, 3 * row_words);
    }
    if (!cuda::marks_activations(buffers.rows)) return;
    const std::size_t hidden = 2 * row_words;
    mark(buffers.activations, hidden);
    mark(buffers.context, hidden);
    if (!parts_up) return mark(buffers.inner, 4 * hidden);
    for (std::size_t split = 0; split < up_splits; ++split)
      clear(static_cast<cuda::StampedWord*>(buffers.inner) + split * buffers.rows * 4 * row_words, 4 * row_words);
  }
};

CudaDecoder::CudaDecoder(std::shared_ptr<const CudaWeights> weights, int slots, bool profiled)
    : weights_(std::move(weights)), slots_(slots) {
  if (slots < 1 || slots > most_slots)
    fail(ErrorCode::invalid_argument, "batch", "{} is not in 1..{} on a CUDA device", slots, most_slots);
  cuda::use_device(weights_->device());
  const std::size_t length = config().image_length();
  keys_ = cuda::DeviceMemory(std::size_t(slots) * weights_->model().slot_elements * 2);
  values_ = cuda::DeviceMemory(std::size_t(slots) * weights_->model().slot_elements * 2);
  states_ = cuda::DeviceMemory(slots * sizeof(cuda::SlotState));
  tokens_ = cuda::DeviceMemory(slots * length * sizeof(std::int32_t));
  forced_ = cuda::DeviceMemory(slots * length * sizeof(std::int32_t));
  text_ids_ = cuda::DeviceMemory((config().text_length + 1) * sizeof(std::int32_t));
  loop_ = std::make_unique<Work>(*weights_, rows_for(config(), slots), slots, keys_.get(), values_.get());
  prefill_ = std::make_unique<Work>(*weights_, rows_for(config(), std::min(config().text_length, cuda::most_rows)), 0,
                                    nullptr, nullptr);
  if (profiled) {
    loop_->profile = cuda::DeviceMemory(std::size_t(loop_->plan.blocks) * cuda::pass_phases * sizeof(long long));
    loop_->buffers.profile = loop_->profile.as<long long>();
  }
  std::vector<cuda::Row> idle(loop_->buffers.rows, cuda::Row{0, -1, nullptr, nullptr});
  stream_.to_device(loop_->row.get(), idle.data(), idle.size() * sizeof(cuda::Row));
  graph_ = cuda::Graph(stream_, [&] {
    cuda::run_pass(weights_->model(), loop_->buffers, loop_->plan, true, stream_.get());
    cuda::run_sampler(weights_->model(), loop_->buffers, states_.as<cuda::SlotState>(), 0, slots,
                      tokens_.as<std::int32_t>(), forced_.as<std::int32_t>(), stream_.get());
  });
}

CudaDecoder::~CudaDecoder() {
  try {
    stream_.synchronize();
  } catch (const Error&) {  // reported by the call that met it
  }
}

std::size_t CudaDecoder::prompt_bytes(const TransformerConfig& config) {
  return std::size_t(4) * config.layers * config.text_length * config.hidden + logits_stride(config) * sizeof(float);
}

std::size_t CudaDecoder::cache_bytes(const TransformerConfig& config, int slots) {
  return slots * (4 * slot_elements(config) + sizeof(cuda::SlotState) + 8 * std::size_t(config.image_length())) +
         work_bytes(config, rows_for(config, slots)) +
         work_bytes(config, rows_for(config, std::min(config.text_length, cuda::most_rows)));
}

std::shared_ptr<const PromptState> CudaDecoder::prefill(std::span<const std::int32_t> text) {
  const cuda::Model& model = weights_->model();
  const int length = config().text_length;
  cuda::use_device(weights_->device());
  auto prompt = std::make_shared<Prompt>();
  const std::size_t bytes = std::size_t(2) * config().layers * length * config().hidden;
  prompt->keys = cuda::DeviceMemory(bytes);
  prompt->values = cuda::DeviceMemory(bytes);

  std::vector<std::int32_t> ids(text.begin(), text.end());
  for (int i = 0; i < length; ++i)
    if (ids[i] == 0) ids[i] = config().text_vocab - length + i;
  prompt->last_text_id = ids.back();
  if (config().version == 2) {
    ids.insert(ids.begin(), 2);
    ids.pop_back();
  }
  stream_.to_device(text_ids_.get(), ids.data(), ids.size() * sizeof(std::int32_t));
  const int most = prefill_->buffers.rows;
  int last_row = 0;
  for (int first = 0; first < length; first += most) {
    const int count = std::min(most, length - first);
    std::vector<cuda::Row> rows(most, cuda::Row{-1, -1, nullptr, nullptr});
    for (int i = 0; i < count; ++i) rows[i] = {-1, first + i, prompt->keys.get(), prompt->values.get()};
    stream_.to_device(prefill_->row.get(), rows.data(), rows.size() * sizeof(cuda::Row));
    prefill_->forget(0, most, stream_);
    cuda::run_text_embedding(model, prefill_->buffers, text_ids_.as<std::int32_t>() + first, count, first, 0,
                             stream_.get());
    const bool logits = first + count == length && config().version != 2;
    cuda::run_pass(model, prefill_->buffers, prefill_->plan, logits, stream_.get());
    last_row = count - 1;
  }
  if (config().version != 2) {
    prompt->logits = cuda::DeviceMemory(logits_stride(config()) * sizeof(float));
    stream_.on_device(prompt->logits.get(), prefill_->logits.as<float>() + last_row * logits_stride(config()),
                      logits_stride(config()) * sizeof(float));
  }
  stream_.synchronize();
  return prompt;
}

void CudaDecoder::start(int index, SlotRequest request) {
  const cuda::Model& model = weights_->model();
  const auto& prompt = static_cast<const Prompt&>(*request.prompt);
  const std::size_t length = config().image_length();
  cuda::use_device(weights_->device());
  cuda::SlotState state{};
  state.active = 1;
  state.number = request.number;
  state.top_k = request.sampling.top_k;
  state.temperature = static_cast<float>(request.sampling.temperature);
  state.top_p = request.sampling.top_p;
  state.greedy = request.sampling.greedy ? 1 : 0;
  state.seed = request.seed;
  state.forced_offset = -1;
  if (!request.forced.empty()) {
    state.forced_offset = static_cast<int>(index * length);
    stream_.to_device(forced_.as<std::int32_t>() + index * length, request.forced.data(),
                      length * sizeof(std::int32_t));
  }
  const bool before_image = config().version == 2;
  const cuda::Row row{index, before_image ? 0 : -1, prompt.keys.get(), prompt.values.get()};
  loop_->forget(index, 1, stream_);
  stream_.to_device(states_.as<cuda::SlotState>() + index, &state, sizeof state);
  stream_.to_device(loop_->row.as<cuda::Row>() + index, &row, sizeof row);
  if (before_image) {
    stream_.to_device(text_ids_.get(), &prompt.last_text_id, sizeof(std::int32_t));
    cuda::run_text_embedding(model, loop_->buffers, text_ids_.as<std::int32_t>(), 1, config().text_length, index,
                             stream_.get());
  } else {
    stream_.on_device(loop_->logits.as<float>() + index * logits_stride(config()), prompt.logits.get(),
                      logits_stride(config()) * sizeof(float));
    cuda::run_sampler(model, loop_->buffers, states_.as<cuda::SlotState>(), index, 1, tokens_.as<std::int32_t>(),
                      forced_.as<std::int32_t>(), stream_.get());
  }
  slots_.at(index) = std::make_unique<Slot>(std::move(request), before_image ? 0 : 1);
}

void CudaDecoder::step() {
  bool any = false;
  for (const auto& slot : slots_) any = any || (slot && slot->position < config().image_length());
  if (!any) return;
  cuda::Event& event = launched_[next_event_];
  next_event_ = (next_event_ + 1) % steps_ahead;
  event.wait();
  graph_.launch(stream_);
  event.record(stream_);
  for (auto& slot : slots_)
    if (slot && slot->position < config().image_length()) ++slot->position;
}

int CudaDecoder::position(int slot) const { return slots_.at(slot) ? slots_[slot]->position : -1; }

DrawnTokens CudaDecoder::result(int index) const {
  const Slot& slot = *slots_.at(index);
  const std::size_t length = config().image_length();
  cuda::SlotState state{};
  stream_.to_host(&state, states_.as<cuda::SlotState>() + index, sizeof state);
  if (state.failed) fail(ErrorCode::internal, "logits", "the transformer gave no finite number to draw from");
  DrawnTokens drawn;
  drawn.number = slot.request.number;
  drawn.tokens.resize(slot.position);
  stream_.to_host(drawn.tokens.data(), tokens_.as<std::int32_t>() + index * length,
                  drawn.tokens.size() * sizeof(std::int32_t));
  drawn.ppl = state.perplexity_count == 0 ? 1.0 : state.perplexity_sum / state.perplexity_count;
  return drawn;
}

std::vector<float> CudaDecoder::newest_logits(int slot) const {
  std::vector<float> logits(config().image_vocab);
  stream_.to_host(logits.data(), loop_->logits.as<float>() + slot * logits_stride(config()),
                  logits.size() * sizeof(float));
  return logits;
}

std::vector<double> CudaDecoder::profile() const {
  const int blocks = loop_->plan.blocks;
  std::vector<long long> cycles(std::size_t(blocks) * cuda::pass_phases);
  stream_.synchronize();
  stream_.to_host(cycles.data(), loop_->profile.get(), cycles.size() * sizeof(long long));
  std::vector<double> mean(cuda::pass_phases);
  for (std::size_t i = 0; i < cycles.size(); ++i) mean[i % cuda::pass_phases] += double(cycles[i]) / blocks;
  return mean;
}

void CudaDecoder::release(int index) {
  stream_.synchronize();
  const cuda::SlotState state{};
  const cuda::Row row{index, -1, nullptr, nullptr};
  stream_.to_device(states_.as<cuda::SlotState>() + index, &state, sizeof state);
  stream_.to_device(loop_->row.as<cuda::Row>() + index, &row, sizeof row);
  slots_.at(index).reset();
}

}  // namespace kandinsky
