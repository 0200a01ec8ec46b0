#include "guard.h"

using namespace kandinsky;
using namespace kandinsky::capi;

namespace {

PipelineOptions pipeline_options(const kandinsky_pipeline_options& given) {
  PipelineOptions options;
  static_cast<ComputeOptions&>(options) = compute_options(&given.compute);
  options.rank = given.rank != 0;
  options.super_resolution = given.super_resolution != 0;
  if (given.transformer_config) options.transformer = transformer_config(*given.transformer_config);
  const auto path = [](const char* text) { return text ? std::filesystem::path(text) : std::filesystem::path(); };
  options.files.transformer = path(given.transformer);
  options.files.tokenizer = path(given.tokenizer);
  options.files.vqgan = path(given.vqgan);
  options.files.ruclip = path(given.ruclip);
  options.files.real_esrgan = path(given.real_esrgan);
  options.files.generation_config = path(given.generation_config);
  return options;
}

kandinsky_pipeline_options read_pipeline_options(const kandinsky_pipeline_options* options) {
  return read_options(options, kandinsky_pipeline_options_init, "kandinsky_pipeline_options");
}

kandinsky_pictures::Entry picture_entry(Picture picture) {
  kandinsky_image image{std::move(picture.image)};
  return {std::move(image), std::move(picture)};
}

GenerateOptions generate_options(const Pipeline& pipeline, const kandinsky_generate_options& given) {
  GenerateOptions options = pipeline.default_options();
  options.images = given.images;
  options.pick = given.pick;
  if (given.top_k != -1) options.top_k = given.top_k;
  if (given.top_p != 0) options.top_p = given.top_p;
  if (given.temperature != 0) options.temperature = given.temperature;
  options.greedy = given.greedy != 0;
  options.seed = given.seed;
  options.batch = given.batch;
  options.rank = given.rank != 0;
  options.super_resolution = given.super_resolution != 0;
  if (given.image_prompt)
    options.image_prompt =
        ImagePrompt{given.image_prompt->image, given.up, given.down, given.left, given.right, given.crop_first != 0};
  options.on_progress = progress_callback(given.progress, given.progress_user, given.cancel);
  options.preview_every = given.preview_every;
  if (given.preview)
    options.on_preview = [call = given.preview, user = given.preview_user](int number, int tokens, const Image& image) {
      const kandinsky_image shown{image};
      return call(user, number, tokens, &shown) == 0;
    };
  if (given.picture)
    options.on_picture = [call = given.picture, user = given.picture_user](const Picture& picture) {
      const kandinsky_pictures shown{{picture_entry(picture)}};
      if (call(user, &shown) != 0) fail(ErrorCode::cancelled, "", "cancelled");
    };
  return options;
}

// A part as a model of its own.
template <typename Handle, typename Part>
kandinsky_status part_of(const kandinsky_pipeline* pipeline, Handle** output, const char* name, kandinsky_error* error,
                         Part&& part) {
  return make(output, name, error, [&] {
    const auto* model = part(need(pipeline, "pipeline").model);
    if (!model) fail(ErrorCode::not_found, name, "the pipeline was loaded without it");
    return Handle{*model};
  });
}

}  // namespace

void kandinsky_pipeline_options_init(kandinsky_pipeline_options* options) {
  if (!options) return;
  *options = {};
  options->struct_size = sizeof *options;
  kandinsky_compute_options_init(&options->compute);
  options->rank = 1;
  options->super_resolution = 1;
}

void kandinsky_memory_estimate_init(kandinsky_memory_estimate* estimate) {
  if (!estimate) return;
  *estimate = {};
  estimate->struct_size = sizeof *estimate;
}

kandinsky_status kandinsky_pipeline_estimate(const char* directory, const kandinsky_pipeline_options* options,
                                             int32_t batch, kandinsky_memory_estimate* estimate,
                                             kandinsky_error* error) {
  return guarded(error, [&] {
    const std::string path = need_text(directory, "directory");
    read_options(&need(estimate, "estimate"), kandinsky_memory_estimate_init, "kandinsky_memory_estimate");
    const MemoryEstimate found = Pipeline::estimate(path, pipeline_options(read_pipeline_options(options)), batch);
    kandinsky_memory_estimate made;
    kandinsky_memory_estimate_init(&made);
    for (const MemoryEstimate::Part& part : found.parts) {
      made.weight_bytes += part.weight_bytes;
      if (part.name == "transformer") made.transformer_parameters = part.parameters;
      if (part.name == "vqgan") made.vqgan_parameters = part.parameters;
      if (part.name == "ruclip") made.ruclip_parameters = part.parameters;
      if (part.name == "real_esrgan") made.real_esrgan_parameters = part.parameters;
    }
    made.cache_bytes = found.cache_bytes;
    made.total_bytes = found.total_bytes;
    *estimate = made;
  });
}

kandinsky_status kandinsky_pipeline_load(const char* directory, const kandinsky_pipeline_options* options,
                                         kandinsky_pipeline** pipeline, kandinsky_error* error) {
  return make(pipeline, "pipeline", error, [&] {
    const std::string path = need_text(directory, "directory");
    const kandinsky_pipeline_options given = read_pipeline_options(options);
    Pipeline model = Pipeline::load(path, pipeline_options(given));
    log(&given.compute, KANDINSKY_LOG_INFO,
        fmt::format("pipeline {}: {} parameters on {}, {}", path, model.transformer().parameter_count(),
                    model.transformer().device(), precision_name(model.transformer().precision())));
    if (given.rank && !model.ruclip())
      log(&given.compute, KANDINSKY_LOG_WARNING, path + " has no ruCLIP: pictures are kept by ppl");
    if (given.super_resolution && !model.real_esrgan())
      log(&given.compute, KANDINSKY_LOG_WARNING, path + " has no Real-ESRGAN: pictures are not enlarged");
    return kandinsky_pipeline{std::move(model)};
  });
}

kandinsky_status kandinsky_pipeline_new(const kandinsky_tokenizer* tokenizer, const kandinsky_transformer* transformer,
                                        const kandinsky_vqgan* vqgan, const kandinsky_ruclip* ruclip,
                                        const kandinsky_real_esrgan* real_esrgan, kandinsky_pipeline** pipeline,
                                        kandinsky_error* error) {
  return make(pipeline, "pipeline", error, [&] {
    PipelineParts parts{need(tokenizer, "tokenizer").model, need(transformer, "transformer").model,
                        need(vqgan, "vqgan").model, std::nullopt, std::nullopt};
    if (ruclip) parts.ruclip = ruclip->model;
    if (real_esrgan) parts.real_esrgan = real_esrgan->model;
    return kandinsky_pipeline{Pipeline::from_parts(std::move(parts))};
  });
}

kandinsky_status kandinsky_pipeline_tokenizer(const kandinsky_pipeline* pipeline, kandinsky_tokenizer** tokenizer,
                                              kandinsky_error* error) {
  return part_of(pipeline, tokenizer, "tokenizer", error, [](const Pipeline& model) { return &model.tokenizer(); });
}
kandinsky_status kandinsky_pipeline_transformer(const kandinsky_pipeline* pipeline, kandinsky_transformer** transformer,
                                                kandinsky_error* error) {
  return part_of(pipeline, transformer, "transformer", error,
                 [](const Pipeline& model) { return &model.transformer(); });
}
kandinsky_status kandinsky_pipeline_vqgan(const kandinsky_pipeline* pipeline, kandinsky_vqgan** vqgan,
                                          kandinsky_error* error) {
  return part_of(pipeline, vqgan, "vqgan", error, [](const Pipeline& model) { return &model.vqgan(); });
}
kandinsky_status kandinsky_pipeline_ruclip(const kandinsky_pipeline* pipeline, kandinsky_ruclip** ruclip,
                                           kandinsky_error* error) {
  return part_of(pipeline, ruclip, "ruclip", error, [](const Pipeline& model) { return model.ruclip(); });
}
kandinsky_status kandinsky_pipeline_real_esrgan(const kandinsky_pipeline* pipeline, kandinsky_real_esrgan** real_esrgan,
                                                kandinsky_error* error) {
  return part_of(pipeline, real_esrgan, "real_esrgan", error,
                 [](const Pipeline& model) { return model.real_esrgan(); });
}

static kandinsky_generate_options default_generate_options() noexcept {
  const GenerateOptions defaults;
  kandinsky_generate_options options = {};
  options.struct_size = sizeof options;
  options.images = defaults.images;
  options.pick = defaults.pick;
  options.top_k = -1;
  options.batch = defaults.batch;
  options.rank = 1;
  options.super_resolution = 1;
  return options;
}
void kandinsky_generate_options_init_sized(kandinsky_generate_options* options, size_t struct_size) {
  write_options(default_generate_options(), options, struct_size);
}
void(kandinsky_generate_options_init)(kandinsky_generate_options* options) {
  write_options(default_generate_options(), options, first_size<kandinsky_generate_options>);
}

kandinsky_status kandinsky_pipeline_default_options(const kandinsky_pipeline* pipeline,
                                                    kandinsky_generate_options* options, kandinsky_error* error) {
  return guarded(error, [&] {
    const GenerateOptions found = need(pipeline, "pipeline").model.default_options();
    read_options(&need(options, "options"), default_generate_options(), "kandinsky_generate_options");
    const SamplingOptions defaults;
    options->top_k = found.top_k.value_or(defaults.top_k);
    options->top_p = found.top_p.value_or(defaults.top_p);
    options->temperature = found.temperature.value_or(defaults.temperature);
  });
}

kandinsky_status kandinsky_pipeline_generate(const kandinsky_pipeline* pipeline, const char* prompt,
                                             const kandinsky_generate_options* options, kandinsky_pictures** pictures,
                                             kandinsky_error* error) {
  return make(pictures, "pictures", error, [&] {
    const Pipeline& model = need(pipeline, "pipeline").model;
    const std::string text = need_text(prompt, "prompt");
    const auto given = read_options(options, default_generate_options(), "kandinsky_generate_options");
    const GenerateOptions wanted = generate_options(model, given);
    check_cancel(given.cancel);
    kandinsky_pictures made;
    for (Picture& picture : model.generate(text, wanted)) made.list.push_back(picture_entry(std::move(picture)));
    return made;
  });
}

static const kandinsky_pictures::Entry* entry(const kandinsky_pictures* pictures, size_t index) {
  return pictures && index < pictures->list.size() ? &pictures->list[index] : nullptr;
}
size_t kandinsky_pictures_count(const kandinsky_pictures* pictures) { return pictures ? pictures->list.size() : 0; }
const kandinsky_image* kandinsky_pictures_image(const kandinsky_pictures* pictures, size_t index) {
  const auto* found = entry(pictures, index);
  return found ? &found->image : nullptr;
}
int32_t kandinsky_pictures_number(const kandinsky_pictures* pictures, size_t index) {
  const auto* found = entry(pictures, index);
  return found ? found->picture.number : 0;
}
uint64_t kandinsky_pictures_seed(const kandinsky_pictures* pictures, size_t index) {
  const auto* found = entry(pictures, index);
  return found ? found->picture.seed : 0;
}
double kandinsky_pictures_ppl(const kandinsky_pictures* pictures, size_t index) {
  const auto* found = entry(pictures, index);
  return found ? found->picture.ppl : 0;
}
int32_t kandinsky_pictures_has_clip_score(const kandinsky_pictures* pictures, size_t index) {
  const auto* found = entry(pictures, index);
  return found && found->picture.clip_score ? 1 : 0;
}
float kandinsky_pictures_clip_score(const kandinsky_pictures* pictures, size_t index) {
  const auto* found = entry(pictures, index);
  return found ? found->picture.clip_score.value_or(0) : 0;
}
const int32_t* kandinsky_pictures_tokens(const kandinsky_pictures* pictures, size_t index, size_t* count) {
  const auto* found = entry(pictures, index);
  if (count) *count = found ? found->picture.tokens.size() : 0;
  return found ? found->picture.tokens.data() : nullptr;
}
void kandinsky_pictures_release(kandinsky_pictures* pictures) { delete pictures; }
void kandinsky_pipeline_release(kandinsky_pipeline* pipeline) { delete pipeline; }
