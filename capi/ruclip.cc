#include "guard.h"

using namespace kandinsky;
using namespace kandinsky::capi;

namespace {

void log_loaded(const kandinsky_compute_options* compute, const std::string& name, const RuClip& model) {
  log(compute, KANDINSKY_LOG_INFO, fmt::format("ruCLIP {}: {} parameters", name, model.parameter_count()));
}

}  // namespace

kandinsky_status kandinsky_ruclip_load(const char* directory, const kandinsky_compute_options* compute,
                                       kandinsky_ruclip** ruclip, kandinsky_error* error) {
  return make(ruclip, "ruclip", error, [&] {
    const std::string path = need_text(directory, "directory");
    kandinsky_ruclip made{RuClip::load(path, compute_options(compute))};
    log_loaded(compute, path, made.model);
    return made;
  });
}
kandinsky_status kandinsky_ruclip_load_memory(const void* bytes, size_t size, const char* name, const char* config_json,
                                              const kandinsky_tokenizer* tokenizer,
                                              const kandinsky_compute_options* compute, kandinsky_ruclip** ruclip,
                                              kandinsky_error* error) {
  return make(ruclip, "ruclip", error, [&] {
    const Checkpoint checkpoint = Checkpoint::from_memory(need_bytes(bytes, size, "bytes"), name ? name : "<memory>");
    const RuClipConfig config = RuClipConfig::parse(need_text(config_json, "config_json"), "config_json");
    kandinsky_ruclip made{
        RuClip::load(checkpoint.state_dict(), config, need(tokenizer, "tokenizer").model, compute_options(compute))};
    log_loaded(compute, checkpoint.name(), made.model);
    return made;
  });
}
int32_t kandinsky_ruclip_width(const kandinsky_ruclip* ruclip) { return ruclip ? ruclip->model.config().embed_dim : 0; }
int32_t kandinsky_ruclip_context_length(const kandinsky_ruclip* ruclip) {
  return ruclip ? ruclip->model.config().context_length : 0;
}
int32_t kandinsky_ruclip_resolution(const kandinsky_ruclip* ruclip) {
  return ruclip ? ruclip->model.config().image_resolution : 0;
}
int64_t kandinsky_ruclip_parameter_count(const kandinsky_ruclip* ruclip) {
  return ruclip ? ruclip->model.parameter_count() : 0;
}
kandinsky_status kandinsky_ruclip_tokenizer(const kandinsky_ruclip* ruclip, kandinsky_tokenizer** tokenizer,
                                            kandinsky_error* error) {
  return make(tokenizer, "tokenizer", error,
              [&] { return kandinsky_tokenizer{need(ruclip, "ruclip").model.tokenizer()}; });
}
kandinsky_status kandinsky_ruclip_scores(const kandinsky_ruclip* ruclip, const char* const* texts, size_t text_count,
                                         const kandinsky_image* const* images, size_t image_count, float* scores,
                                         kandinsky_error* error) {
  return guarded(error, [&] {
    const RuClip& model = need(ruclip, "ruclip").model;
    need(scores, "scores");
    const std::vector<float> values =
        model.scores(need_texts(texts, text_count, "texts"), need_images(images, image_count));
    if (!values.empty()) std::memcpy(scores, values.data(), values.size() * sizeof(float));
  });
}
kandinsky_status kandinsky_ruclip_image_latents(const kandinsky_ruclip* ruclip, const kandinsky_image* const* images,
                                                size_t image_count, float* values, size_t capacity, size_t* count,
                                                kandinsky_error* error) {
  return guarded(error, [&] {
    const RuClip& model = need(ruclip, "ruclip").model;
    const std::vector<Image> list = need_images(images, image_count);
    need(count, "count") = list.size() * std::size_t(model.config().embed_dim);
    if (!values && capacity == 0) return;
    check_capacity(values, capacity, *count);
    write_values<float>(model.image_latents(list).values, values, capacity, count);
  });
}
kandinsky_status kandinsky_ruclip_text_latents(const kandinsky_ruclip* ruclip, const char* const* texts,
                                               size_t text_count, const char* const* templates, size_t template_count,
                                               float* values, size_t capacity, size_t* count, kandinsky_error* error) {
  return guarded(error, [&] {
    const RuClip& model = need(ruclip, "ruclip").model;
    const std::vector<std::string> list = need_texts(texts, text_count, "texts");
    const std::vector<std::string> patterns = need_texts(templates, template_count, "templates");
    need(count, "count") = list.size() * std::size_t(model.config().embed_dim);
    if (!values && capacity == 0) return;
    check_capacity(values, capacity, *count);
    write_values<float>(model.text_latents(list, patterns).values, values, capacity, count);
  });
}
kandinsky_status kandinsky_ruclip_rank(const kandinsky_ruclip* ruclip, const char* text,
                                       const kandinsky_image* const* images, size_t image_count, int32_t pick,
                                       kandinsky_ranked* ranked, size_t capacity, size_t* count,
                                       kandinsky_error* error) {
  return guarded(error, [&] {
    const RuClip& model = need(ruclip, "ruclip").model;
    const std::string prompt = need_utf8(text, "text");
    const std::vector<Image> list = need_images(images, image_count);
    if (pick < 1) fail(ErrorCode::invalid_argument, "pick", "is {}, expected at least 1", pick);
    need(count, "count") = std::min<std::size_t>(std::size_t(pick), image_count);
    if (!ranked && capacity == 0) return;
    check_capacity(ranked, capacity, *count);
    std::vector<kandinsky_ranked> best;
    for (const Ranked& one : model.rank(prompt, list, pick)) best.push_back({one.index, one.score});
    write_values<kandinsky_ranked>(best, ranked, capacity, count);
  });
}
void kandinsky_ruclip_release(kandinsky_ruclip* ruclip) { delete ruclip; }
