#include <climits>

#include "guard.h"

using namespace kandinsky;
using namespace kandinsky::capi;

namespace {

void copy_config(const TransformerConfig& from, kandinsky_transformer_config& to) {
  to = {sizeof to,         from.layers,     from.hidden,      from.heads,   from.text_length,
        from.grid,         from.text_vocab, from.image_vocab, from.version, from.sandwich ? 1 : 0,
        from.relax ? 1 : 0};
}

Transformer load(const Checkpoint& checkpoint, const kandinsky_transformer_config* config,
                 const kandinsky_compute_options* compute) {
  TransformerOptions options;
  static_cast<ComputeOptions&>(options) = compute_options(compute);
  options.config = config ? transformer_config(*config) : TransformerConfig::detect(checkpoint);
  Transformer model = Transformer::load(checkpoint, options);
  log(compute, KANDINSKY_LOG_INFO,
      fmt::format("transformer {}: {} parameters on {}, {}", checkpoint.name(), model.parameter_count(), model.device(),
                  precision_name(model.precision())));
  return model;
}

}  // namespace

kandinsky_status kandinsky_transformer_config_init(kandinsky_transformer_config* config, const char* preset,
                                                   kandinsky_error* error) {
  return guarded(error, [&] {
    need(config, "config");
    std::optional<TransformerConfig> found = TransformerConfig{};
    found->version = 0;
    found->sandwich = found->relax = false;
    if (preset && !(found = TransformerConfig::preset(preset)))
      fail(ErrorCode::invalid_argument, "preset",
           "is '{}', expected kandinsky, malevich, malevich-v2, emojich, surrealist or nano", preset);
    copy_config(*found, *config);
  });
}

kandinsky_status kandinsky_transformer_load(const char* path, const kandinsky_transformer_config* config,
                                            const kandinsky_compute_options* compute,
                                            kandinsky_transformer** transformer, kandinsky_error* error) {
  return make(transformer, "transformer", error, [&] {
    const std::filesystem::path file = need_text(path, "path");
    const Checkpoint checkpoint = Checkpoint::open(file).state_dict();
    if (config) return kandinsky_transformer{load(checkpoint, config, compute)};
    // As the pipeline does: a config.json beside the file completes what shapes tell.
    const std::filesystem::path beside = file.parent_path() / "config.json";
    const TransformerConfig found =
        TransformerConfig::detect(checkpoint, std::filesystem::exists(beside) ? beside : std::filesystem::path());
    kandinsky_transformer_config detected;
    copy_config(found, detected);
    return kandinsky_transformer{load(checkpoint, &detected, compute)};
  });
}

kandinsky_status kandinsky_transformer_load_memory(const void* bytes, size_t size, const char* name,
                                                   const kandinsky_transformer_config* config,
                                                   const kandinsky_compute_options* compute,
                                                   kandinsky_transformer** transformer, kandinsky_error* error) {
  return make(transformer, "transformer", error, [&] {
    const Checkpoint checkpoint = Checkpoint::from_memory(need_bytes(bytes, size, "bytes"), name ? name : "<memory>");
    return kandinsky_transformer{load(checkpoint.state_dict(), config, compute)};
  });
}

kandinsky_status kandinsky_transformer_get_config(const kandinsky_transformer* transformer,
                                                  kandinsky_transformer_config* config, kandinsky_error* error) {
  return guarded(error, [&] {
    const Transformer& model = need(transformer, "transformer").model;
    transformer_config(need(config, "config"));  // checks struct_size
    copy_config(model.config(), *config);
  });
}
int64_t kandinsky_transformer_parameter_count(const kandinsky_transformer* transformer) {
  return transformer ? transformer->model.parameter_count() : 0;
}
const char* kandinsky_transformer_device(const kandinsky_transformer* transformer) {
  return transformer ? transformer->model.device().c_str() : nullptr;
}
int32_t kandinsky_transformer_precision(const kandinsky_transformer* transformer) {
  if (!transformer) return KANDINSKY_PRECISION_AUTO;
  switch (transformer->model.precision()) {
    case Precision::fp32:
      return KANDINSKY_PRECISION_FP32;
    case Precision::bf16:
      return KANDINSKY_PRECISION_BF16;
    case Precision::fp16:
      return KANDINSKY_PRECISION_FP16;
    default:
      return KANDINSKY_PRECISION_AUTO;
  }
}

static kandinsky_draw_options default_draw_options() noexcept {
  const DrawOptions defaults;
  kandinsky_draw_options options = {};
  options.struct_size = sizeof options;
  options.images = defaults.images;
  options.first_number = defaults.first_number;
  options.batch = defaults.batch;
  options.temperature = defaults.sampling.temperature;
  options.top_k = defaults.sampling.top_k;
  options.top_p = defaults.sampling.top_p;
  return options;
}
void kandinsky_draw_options_init_sized(kandinsky_draw_options* options, size_t struct_size) {
  write_options(default_draw_options(), options, struct_size);
}
void(kandinsky_draw_options_init)(kandinsky_draw_options* options) {
  write_options(default_draw_options(), options, first_size<kandinsky_draw_options>);
}

kandinsky_status kandinsky_transformer_draw(const kandinsky_transformer* transformer, const int32_t* text,
                                            size_t text_count, const kandinsky_draw_options* options,
                                            kandinsky_drawn** drawn, kandinsky_error* error) {
  return make(drawn, "drawn", error, [&] {
    const Transformer& model = need(transformer, "transformer").model;
    const auto given = read_options(options, default_draw_options(), "kandinsky_draw_options");
    DrawOptions draw;
    draw.images = given.images;
    draw.first_number = given.first_number;
    draw.batch = given.batch;
    draw.seed = given.seed;
    draw.sampling.temperature = given.temperature;
    draw.sampling.top_k = given.top_k;
    draw.sampling.top_p = given.top_p;
    draw.sampling.greedy = given.greedy != 0;
    const auto forced = need_array(given.forced, given.forced_count, "forced");
    const auto length = static_cast<std::size_t>(model.config().image_length());
    if (!forced.empty() && forced.size() != length)
      fail(ErrorCode::invalid_argument, "forced", "has {} ids, expected none or {}", forced.size(), length);
    draw.forced.assign(forced.begin(), forced.end());
    draw.progress = progress_callback(given.progress, given.progress_user, given.cancel);
    draw.preview_every = given.preview_every;
    if (given.preview)
      draw.preview = [&given](int number, std::span<const std::int32_t> tokens) {
        return given.preview(given.preview_user, number, tokens.data(), tokens.size()) == 0;
      };
    check_cancel(given.cancel);
    return kandinsky_drawn{model.draw(need_array(text, text_count, "text"), draw)};
  });
}
size_t kandinsky_drawn_count(const kandinsky_drawn* drawn) { return drawn ? drawn->list.size() : 0; }
const int32_t* kandinsky_drawn_tokens(const kandinsky_drawn* drawn, size_t index, size_t* count) {
  const bool there = index < kandinsky_drawn_count(drawn);
  if (count) *count = there ? drawn->list[index].tokens.size() : 0;
  return there ? drawn->list[index].tokens.data() : nullptr;
}
int32_t kandinsky_drawn_number(const kandinsky_drawn* drawn, size_t index) {
  return index < kandinsky_drawn_count(drawn) ? drawn->list[index].number : 0;
}
double kandinsky_drawn_ppl(const kandinsky_drawn* drawn, size_t index) {
  return index < kandinsky_drawn_count(drawn) ? drawn->list[index].ppl : 0;
}
void kandinsky_drawn_release(kandinsky_drawn* drawn) { delete drawn; }

kandinsky_status kandinsky_transformer_logits(const kandinsky_transformer* transformer, const int32_t* text,
                                              size_t text_count, const int32_t* image, size_t image_count,
                                              float* values, size_t capacity, size_t* count, kandinsky_error* error) {
  return guarded(error, [&] {
    const Transformer& model = need(transformer, "transformer").model;
    const auto text_ids = need_array(text, text_count, "text");
    const auto image_ids = need_array(image, image_count, "image");
    // Whether there is room is known before the network runs.
    const TransformerConfig& c = model.config();
    if (text_count != std::size_t(c.text_length))
      fail(ErrorCode::invalid_argument, "text", "has {} ids, expected {}", text_count, c.text_length);
    if (image_count > std::size_t(c.image_length()))
      fail(ErrorCode::invalid_argument, "image", "has {} ids, expected at most {}", image_count, c.image_length());
    need(count, "count") = (text_count + image_count) * std::size_t(c.text_vocab + c.image_vocab);
    if (!values && capacity == 0) return;
    check_capacity(values, capacity, *count);
    write_values<float>(model.logits(text_ids, image_ids), values, capacity, count);
  });
}

kandinsky_status kandinsky_transformer_losses(const kandinsky_transformer* transformer, const int32_t* texts,
                                              const int32_t* images, size_t pairs, kandinsky_loss_values* losses,
                                              kandinsky_error* error) {
  return guarded(error, [&] {
    const Transformer& model = need(transformer, "transformer").model;
    need(losses, "losses");
    if (pairs < 1 || pairs > (1u << 20))
      fail(ErrorCode::invalid_argument, "pairs", "is {}, expected 1..{}", pairs, 1 << 20);
    const TransformerConfig& c = model.config();
    const Losses got = model.losses(need_array(texts, pairs * std::size_t(c.text_length), "texts"),
                                    need_array(images, pairs * std::size_t(c.image_length()), "images"));
    *losses = {got.text, got.image, got.total};
  });
}

kandinsky_status kandinsky_transformer_ppl(const kandinsky_transformer* transformer, const int32_t* text,
                                           size_t text_count, const int32_t* image, size_t image_count, double* ppl,
                                           kandinsky_error* error) {
  return guarded(error, [&] {
    const Transformer& model = need(transformer, "transformer").model;
    need(ppl, "ppl");
    *ppl = model.ppl(need_array(text, text_count, "text"), need_array(image, image_count, "image"));
  });
}
void kandinsky_transformer_release(kandinsky_transformer* transformer) { delete transformer; }
