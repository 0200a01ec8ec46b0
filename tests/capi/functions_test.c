/* Every function of kandinsky.h, used as it is meant to be. */
#include <math.h>
#include <unistd.h>

#include "check.h"

static kandinsky_error error;
static int log_lines;

static void count_lines(void *user, int32_t level, const char *message) {
  CHECK(user == &log_lines && level == KANDINSKY_LOG_INFO && strstr(message, "parameters") && !strchr(message, '\n'));
  ++log_lines;
}

static void versions_and_devices(void) {
  char version[32];
  snprintf(version, sizeof version, "%d.%d.%d", KANDINSKY_C_VERSION_MAJOR, KANDINSKY_C_VERSION_MINOR,
           KANDINSKY_C_VERSION_PATCH);
  CHECK(strcmp(kandinsky_version(), version) == 0);
  CHECK(kandinsky_abi_version() == KANDINSKY_C_ABI_VERSION);
  CHECK(strncmp(kandinsky_torch_version(), "2.", 2) == 0);
  CHECK(strcmp(kandinsky_status_name(KANDINSKY_OK), "ok") == 0);
  for (int i = 0; i <= KANDINSKY_INTERNAL; ++i)
    for (int j = 0; j < i; ++j) CHECK(strcmp(kandinsky_status_name(i), kandinsky_status_name(j)) != 0);
  CHECK(strcmp(kandinsky_status_name(99), "unknown status") == 0);

  kandinsky_devices *devices;
  OK(kandinsky_devices_list(&devices, &error));
  CHECK(kandinsky_devices_count(devices) >= 1);
  CHECK(strcmp(kandinsky_devices_name(devices, 0), "cpu") == 0);
  CHECK(strlen(kandinsky_devices_description(devices, 0)) > 0);
  CHECK(kandinsky_devices_memory_total(devices, 0) > 1u << 30);
  CHECK(kandinsky_devices_memory_free(devices, 0) <= kandinsky_devices_memory_total(devices, 0));
  CHECK(kandinsky_devices_name(devices, 1000) == NULL && kandinsky_devices_memory_total(devices, 1000) == 0);
  kandinsky_devices_release(devices);
}

static void images(void) {
  /* Rows 16 bytes apart, 5 * 3 of them pixels. */
  uint8_t pixels[4 * 16];
  for (size_t i = 0; i < sizeof pixels; ++i) pixels[i] = (uint8_t)(i * 3);
  kandinsky_image *image, *again;
  OK(kandinsky_image_new(5, 4, 16, pixels, &image, &error));
  CHECK(kandinsky_image_width(image) == 5 && kandinsky_image_height(image) == 4 && kandinsky_image_stride(image) == 15);
  for (int y = 0; y < 4; ++y) CHECK(memcmp(kandinsky_image_pixels(image) + 15 * y, pixels + 16 * y, 15) == 0);

  kandinsky_buffer *png, *jpeg, *worse;
  OK(kandinsky_image_encode(image, KANDINSKY_FORMAT_PNG, 95, &png, &error));
  OK(kandinsky_image_encode(image, KANDINSKY_FORMAT_JPEG, 95, &jpeg, &error));
  OK(kandinsky_image_encode(image, KANDINSKY_FORMAT_JPEG, 5, &worse, &error));
  CHECK(memcmp(kandinsky_buffer_data(png), "\x89PNG", 4) == 0 && memcmp(kandinsky_buffer_data(jpeg), "\xff\xd8", 2) == 0);
  CHECK(kandinsky_buffer_size(worse) < kandinsky_buffer_size(jpeg));
  OK(kandinsky_image_decode(kandinsky_buffer_data(png), kandinsky_buffer_size(png), &again, &error));
  CHECK(memcmp(kandinsky_image_pixels(again), kandinsky_image_pixels(image), 60) == 0);
  kandinsky_image_release(again);

  char path[] = "/tmp/kandinsky-XXXXXX.png";
  const int file = mkstemps(path, 4);
  CHECK(file >= 0);
  close(file);
  OK(kandinsky_image_save(image, path, &error));
  OK(kandinsky_image_load(path, &again, &error));
  CHECK(memcmp(kandinsky_image_pixels(again), kandinsky_image_pixels(image), 60) == 0);
  unlink(path);
  kandinsky_image_release(again);
  kandinsky_image_release(image);
  kandinsky_buffer_release(png);
  kandinsky_buffer_release(jpeg);
  kandinsky_buffer_release(worse);
}

static void tokenizer(void) {
  size_t size, count;
  void *bytes = read_file(NANO "/tokenizer/bpe.model", &size);
  kandinsky_tokenizer *from_file, *from_memory;
  OK(kandinsky_tokenizer_load(NANO "/tokenizer/bpe.model", &from_file, &error));
  OK(kandinsky_tokenizer_load_memory(bytes, size, "nano", &from_memory, &error));
  free(bytes); /* needed during the call alone */
  CHECK(kandinsky_tokenizer_vocab_size(from_file) > 100);
  CHECK(kandinsky_tokenizer_vocab_size(from_file) == kandinsky_tokenizer_vocab_size(from_memory));
  const char *text = "красное сердце";
  int32_t ids[64], other[64];
  OK(kandinsky_tokenizer_encode(from_file, text, NULL, 0, &count, &error));
  CHECK(count > 1 && count < 64);
  size_t written;
  OK(kandinsky_tokenizer_encode(from_memory, text, ids, count, &written, &error));
  CHECK(written == count);
  kandinsky_buffer *decoded;
  OK(kandinsky_tokenizer_decode(from_file, ids, count, &decoded, &error));
  CHECK(strcmp(kandinsky_buffer_data(decoded), text) == 0 && kandinsky_buffer_size(decoded) == strlen(text));
  kandinsky_buffer_release(decoded);
  OK(kandinsky_tokenizer_encode_for_transformer(from_file, "  КРАСНОЕ сердце ", other, 64, &error));
  CHECK(other[0] == 2 && memcmp(other + 1, ids, count * sizeof *ids) == 0 && other[count + 1] == 3 && other[63] == 0);
  OK(kandinsky_tokenizer_encode_for_ruclip(from_file, text, other, 32, &error));
  CHECK(other[0] == 2 && memcmp(other + 1, ids, count * sizeof *ids) == 0 && other[count + 1] == 3 && other[31] == 0);
  kandinsky_tokenizer_release(from_file);
  kandinsky_tokenizer_release(from_memory);
}

static int32_t count_steps(void *user, const kandinsky_progress *progress) {
  CHECK(progress->stage >= KANDINSKY_STAGE_DRAWING && progress->stage <= KANDINSKY_STAGE_ENLARGING);
  CHECK(progress->step >= 0 && progress->step <= progress->steps && progress->images >= 1);
  ++((int *)user)[progress->stage];
  return 0;
}

static void transformer(void) {
  kandinsky_transformer_config config, big;
  OK(kandinsky_transformer_config_init(&big, "kandinsky", &error));
  CHECK(big.layers == 64 && big.hidden == 3840);
  OK(kandinsky_transformer_config_init(&config, NULL, &error));
  CHECK(config.layers == 0 && config.struct_size == sizeof config);

  kandinsky_compute_options compute;
  kandinsky_compute_options_init(&compute);
  compute.device = "cpu";
  compute.precision = KANDINSKY_PRECISION_FP32;
  compute.threads = 2;
  compute.log = count_lines;
  compute.log_user = &log_lines;
  kandinsky_transformer *model, *in_memory;
  OK(kandinsky_transformer_load(NANO "/rudalle_kandinsky.bin", NULL, &compute, &model, &error));
  CHECK(log_lines == 1);
  OK(kandinsky_transformer_get_config(model, &config, &error));
  CHECK(config.hidden > 0 && config.grid > 0 && config.version == 3);
  CHECK(kandinsky_transformer_parameter_count(model) > 11000000);
  CHECK(strcmp(kandinsky_transformer_device(model), "cpu") == 0);
  CHECK(kandinsky_transformer_precision(model) == KANDINSKY_PRECISION_FP32);
  size_t size;
  void *bytes = read_file(NANO "/rudalle_kandinsky.bin", &size);
  OK(kandinsky_transformer_load_memory(bytes, size, "nano", &config, NULL, &in_memory, &error));

  kandinsky_tokenizer *tokenizer_;
  OK(kandinsky_tokenizer_load(NANO "/tokenizer/bpe.model", &tokenizer_, &error));
  int32_t *text = malloc((size_t)config.text_length * sizeof *text);
  OK(kandinsky_tokenizer_encode_for_transformer(tokenizer_, "солнце", text, (size_t)config.text_length, &error));
  kandinsky_tokenizer_release(tokenizer_);

  const size_t length = (size_t)(config.grid * config.grid);
  int32_t *forced = malloc(length * sizeof *forced);
  for (size_t i = 0; i < length; ++i) forced[i] = i < 10 ? (int32_t)i : -1;
  int steps[4] = {0};
  kandinsky_draw_options options;
  kandinsky_draw_options_init(&options);
  options.images = 2;
  options.first_number = 5;
  options.seed = 7;
  options.forced = forced;
  options.forced_count = length;
  options.progress = count_steps;
  options.progress_user = steps;
  kandinsky_drawn *drawn, *other;
  OK(kandinsky_transformer_draw(model, text, (size_t)config.text_length, &options, &drawn, &error));
  CHECK(steps[KANDINSKY_STAGE_DRAWING] >= (int)length - 10 && steps[KANDINSKY_STAGE_ENLARGING] == 0);
  CHECK(kandinsky_drawn_count(drawn) == 2 && kandinsky_drawn_number(drawn, 1) == 6);
  size_t count;
  const int32_t *tokens = kandinsky_drawn_tokens(drawn, 1, &count);
  CHECK(count == length && memcmp(tokens, forced, 10 * sizeof *tokens) == 0);
  CHECK(kandinsky_drawn_ppl(drawn, 0) >= 1);
  /* The same image on its own, from the model in memory. */
  options.images = 1;
  options.first_number = 6;
  OK(kandinsky_transformer_draw(in_memory, text, (size_t)config.text_length, &options, &other, &error));
  CHECK(memcmp(tokens, kandinsky_drawn_tokens(other, 0, NULL), length * sizeof *tokens) == 0);
  CHECK(kandinsky_drawn_ppl(other, 0) == kandinsky_drawn_ppl(drawn, 1));

  OK(kandinsky_transformer_logits(model, text, (size_t)config.text_length, tokens, 3, NULL, 0, &count, &error));
  CHECK(count == (size_t)(config.text_length + 3) * (size_t)(config.text_vocab + config.image_vocab));
  float *logits = malloc(count * sizeof *logits);
  size_t written;
  OK(kandinsky_transformer_logits(model, text, (size_t)config.text_length, tokens, 3, logits, count, &written, &error));
  CHECK(written == count);
  double sum = 0;
  for (size_t i = 0; i < count; ++i) sum += fabs(logits[i]);
  CHECK(isfinite(sum) && sum > 0);
  kandinsky_loss_values losses;
  OK(kandinsky_transformer_losses(model, text, tokens, 1, &losses, &error));
  CHECK(losses.text > 0 && losses.image > 0 && fabs(losses.total - (losses.text + 7 * losses.image) / 8) < 1e-6);

  free(logits);
  free(forced);
  free(text);
  kandinsky_transformer_release(model);
  kandinsky_transformer_release(in_memory);
  free(bytes);
  kandinsky_drawn_release(drawn);
  kandinsky_drawn_release(other);
}

static void vqgan(void) {
  kandinsky_vqgan *model, *in_memory;
  OK(kandinsky_vqgan_load(NANO "/vae/vqgan.gumbelf8.model.ckpt", NULL, &model, &error));
  size_t size, config_size;
  void *bytes = read_file(NANO "/vae/vqgan.gumbelf8.model.ckpt", &size);
  char *config = read_file(NANO "/vae/config.json", &config_size);
  OK(kandinsky_vqgan_load_memory(bytes, size, NULL, config, NULL, &in_memory, &error));
  free(config);
  CHECK(kandinsky_vqgan_downsampling(model) == 8 && kandinsky_vqgan_codebook_size(model) > 100);
  int32_t tokens[2 * 2 * 3] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  kandinsky_images *pictures, *others;
  OK(kandinsky_vqgan_decode(model, tokens, 2, 2, 3, &pictures, &error));
  OK(kandinsky_vqgan_decode(in_memory, tokens, 2, 2, 3, &others, &error));
  CHECK(kandinsky_images_count(pictures) == 2 && kandinsky_images_get(pictures, 2) == NULL);
  const kandinsky_image *picture = kandinsky_images_get(pictures, 1);
  CHECK(kandinsky_image_width(picture) == 24 && kandinsky_image_height(picture) == 16);
  CHECK(memcmp(kandinsky_image_pixels(picture), kandinsky_image_pixels(kandinsky_images_get(others, 1)), 24 * 16 * 3) == 0);
  size_t count;
  OK(kandinsky_vqgan_encode(model, picture, NULL, 0, &count, &error));
  CHECK(count == 6);
  int32_t encoded[6];
  OK(kandinsky_vqgan_encode(model, picture, encoded, 6, &count, &error));
  for (int i = 0; i < 6; ++i) CHECK(encoded[i] >= 0 && encoded[i] < kandinsky_vqgan_codebook_size(model));
  kandinsky_vqgan_release(model);
  kandinsky_vqgan_release(in_memory);
  free(bytes);
  kandinsky_images_release(pictures);
  kandinsky_images_release(others);
}

static void ruclip(void) {
  kandinsky_ruclip *model, *in_memory;
  OK(kandinsky_ruclip_load(NANO "/ruclip", NULL, &model, &error));
  size_t size, config_size;
  void *bytes = read_file(NANO "/ruclip/pytorch_model.bin", &size);
  char *config = read_file(NANO "/ruclip/config.json", &config_size);
  kandinsky_tokenizer *tokenizer_;
  OK(kandinsky_tokenizer_load(NANO "/ruclip/bpe.model", &tokenizer_, &error));
  OK(kandinsky_ruclip_load_memory(bytes, size, "nano", config, tokenizer_, NULL, &in_memory, &error));
  kandinsky_tokenizer_release(tokenizer_);
  free(config);
  uint8_t red[20 * 20 * 3], blue[20 * 20 * 3];
  for (int i = 0; i < 1200; ++i) red[i] = i % 3 == 0 ? 255 : 0, blue[i] = i % 3 == 2 ? 255 : 0;
  kandinsky_image *pictures[2];
  OK(kandinsky_image_new(20, 20, 0, red, &pictures[0], &error));
  OK(kandinsky_image_new(20, 20, 0, blue, &pictures[1], &error));
  const kandinsky_image *const list[2] = {pictures[0], pictures[1]};
  const char *texts[3] = {"красный круг", "синий круг", "кот"};
  float scores[6], same[6];
  OK(kandinsky_ruclip_scores(model, texts, 3, list, 2, scores, &error));
  OK(kandinsky_ruclip_scores(in_memory, texts, 3, list, 2, same, &error));
  CHECK(memcmp(scores, same, sizeof scores) == 0);
  for (int i = 0; i < 6; ++i) CHECK(scores[i] >= -1 && scores[i] <= 1);
  const size_t width = (size_t)kandinsky_ruclip_width(model);
  size_t count;
  OK(kandinsky_ruclip_text_latents(model, texts, 3, NULL, 0, NULL, 0, &count, &error));
  CHECK(count == 3 * width);
  float *text_rows = malloc(count * sizeof *text_rows), *image_rows = malloc(2 * width * sizeof *image_rows);
  const char *plain[1] = {"{}"};
  OK(kandinsky_ruclip_text_latents(model, texts, 3, plain, 1, text_rows, count, &count, &error));
  OK(kandinsky_ruclip_image_latents(model, list, 2, image_rows, 2 * width, &count, &error));
  CHECK(count == 2 * width);
  double norm = 0;
  for (size_t i = 0; i < width; ++i) norm += (double)image_rows[i] * image_rows[i];
  CHECK(fabs(norm - 1) < 1e-4);
  free(text_rows);
  free(image_rows);
  kandinsky_image_release(pictures[0]);
  kandinsky_image_release(pictures[1]);
  kandinsky_ruclip_release(model);
  kandinsky_ruclip_release(in_memory);
  free(bytes);
}

static void real_esrgan(void) {
  kandinsky_real_esrgan *model, *in_memory;
  size_t size;
  void *bytes = read_file(NANO "/x4/RealESRGAN_x4.pth", &size);
  OK(kandinsky_real_esrgan_load(NANO "/x4/RealESRGAN_x4.pth", NULL, &model, &error));
  OK(kandinsky_real_esrgan_load_memory(bytes, size, "nano", NULL, &in_memory, &error));
  CHECK(kandinsky_real_esrgan_scale(model) == 4);
  uint8_t pixels[16 * 8 * 3];
  for (size_t i = 0; i < sizeof pixels; ++i) pixels[i] = (uint8_t)(i * 7);
  kandinsky_image *image, *large, *same;
  OK(kandinsky_image_new(16, 8, 0, pixels, &image, &error));
  int steps[4] = {0};
  kandinsky_upscale_options options;
  kandinsky_upscale_options_init(&options);
  options.progress = count_steps;
  options.progress_user = steps;
  OK(kandinsky_real_esrgan_upscale(model, image, &options, &large, &error));
  OK(kandinsky_real_esrgan_upscale(in_memory, image, NULL, &same, &error));
  CHECK(kandinsky_image_width(large) == 64 && kandinsky_image_height(large) == 32);
  CHECK(memcmp(kandinsky_image_pixels(large), kandinsky_image_pixels(same), 64 * 32 * 3) == 0);
  CHECK(steps[KANDINSKY_STAGE_ENLARGING] > 0);
  kandinsky_image_release(image);
  kandinsky_image_release(large);
  kandinsky_image_release(same);
  kandinsky_real_esrgan_release(model);
  kandinsky_real_esrgan_release(in_memory);
  free(bytes);
}

static int32_t count_previews(void *user, int32_t number, int32_t tokens, const kandinsky_image *image) {
  CHECK(number >= 0 && number < 3 && tokens > 0 && kandinsky_image_width(image) == 128);
  ++*(int *)user;
  return 0;
}

static void pipeline(void) {
  kandinsky_memory_estimate estimate;
  kandinsky_memory_estimate_init(&estimate);
  OK(kandinsky_pipeline_estimate(NANO, NULL, 8, &estimate, &error));
  CHECK(estimate.transformer_parameters > 11000000 && estimate.vqgan_parameters > 0 && estimate.ruclip_parameters > 0 &&
        estimate.real_esrgan_parameters > 0);
  CHECK(estimate.total_bytes >= estimate.weight_bytes && estimate.cache_bytes > 0);

  kandinsky_pipeline_options options;
  kandinsky_pipeline_options_init(&options);
  options.compute.device = "cpu";
  kandinsky_pipeline *model;
  OK(kandinsky_pipeline_load(NANO, &options, &model, &error));
  int steps[4] = {0}, previews = 0;
  kandinsky_generate_options generate;
  kandinsky_generate_options_init(&generate);
  CHECK(generate.images == 8 && generate.pick == 4 && generate.top_k == -1);
  generate.images = 3;
  generate.pick = 2;
  generate.seed = 11;
  generate.super_resolution = 0;
  generate.progress = count_steps;
  generate.progress_user = steps;
  generate.preview = count_previews;
  generate.preview_user = &previews;
  generate.preview_every = 64;
  kandinsky_pictures *pictures;
  OK(kandinsky_pipeline_generate(model, "красное сердце", &generate, &pictures, &error));
  CHECK(steps[KANDINSKY_STAGE_DRAWING] > 100 && steps[KANDINSKY_STAGE_DECODING] && steps[KANDINSKY_STAGE_RANKING]);
  CHECK(previews >= 3);
  CHECK(kandinsky_pictures_count(pictures) == 2);
  CHECK(kandinsky_pictures_has_clip_score(pictures, 0) &&
        kandinsky_pictures_clip_score(pictures, 0) >= kandinsky_pictures_clip_score(pictures, 1));
  CHECK(kandinsky_pictures_seed(pictures, 0) == 11 && kandinsky_pictures_ppl(pictures, 0) >= 1);
  CHECK(kandinsky_image_width(kandinsky_pictures_image(pictures, 0)) == 128);

  /* The parts share the pipeline's weights and outlive it; they give the same pixels. */
  kandinsky_tokenizer *tokenizer_;
  kandinsky_transformer *transformer_;
  kandinsky_vqgan *vqgan_;
  kandinsky_ruclip *ruclip_;
  kandinsky_real_esrgan *real_esrgan_;
  OK(kandinsky_pipeline_tokenizer(model, &tokenizer_, &error));
  OK(kandinsky_pipeline_transformer(model, &transformer_, &error));
  OK(kandinsky_pipeline_vqgan(model, &vqgan_, &error));
  OK(kandinsky_pipeline_ruclip(model, &ruclip_, &error));
  OK(kandinsky_pipeline_real_esrgan(model, &real_esrgan_, &error));
  /* An image prompt keeps the rows it is told to. */
  generate.image_prompt = kandinsky_pictures_image(pictures, 0);
  generate.up = 8;
  generate.images = 1;
  generate.rank = 0;
  kandinsky_pictures *continued;
  OK(kandinsky_pipeline_generate(model, "красное сердце", &generate, &continued, &error));
  kandinsky_pipeline_release(model);
  size_t count, side = 16;
  const int32_t *tokens = kandinsky_pictures_tokens(pictures, 0, &count);
  CHECK(count == side * side);
  kandinsky_images *decoded;
  OK(kandinsky_vqgan_decode(vqgan_, tokens, 1, (int32_t)side, (int32_t)side, &decoded, &error));
  CHECK(memcmp(kandinsky_image_pixels(kandinsky_images_get(decoded, 0)),
               kandinsky_image_pixels(kandinsky_pictures_image(pictures, 0)), 128 * 128 * 3) == 0);
  CHECK(kandinsky_pictures_has_clip_score(continued, 0) == 0 && kandinsky_pictures_number(continued, 0) == 0);
  int32_t kept[256];
  OK(kandinsky_vqgan_encode(vqgan_, kandinsky_pictures_image(pictures, 0), kept, 256, &count, &error));
  CHECK(memcmp(kept, kandinsky_pictures_tokens(continued, 0, NULL), 8 * side * sizeof *kept) == 0);
  CHECK(kandinsky_tokenizer_vocab_size(tokenizer_) > 0 && kandinsky_ruclip_width(ruclip_) > 0 &&
        kandinsky_real_esrgan_scale(real_esrgan_) == 4 && kandinsky_transformer_parameter_count(transformer_) > 0);
  kandinsky_images_release(decoded);
  kandinsky_pictures_release(continued);
  kandinsky_tokenizer_release(tokenizer_);
  kandinsky_transformer_release(transformer_);
  kandinsky_vqgan_release(vqgan_);
  kandinsky_ruclip_release(ruclip_);
  kandinsky_real_esrgan_release(real_esrgan_);
  kandinsky_pictures_release(pictures);
}

int main(void) {
  versions_and_devices();
  images();
  tokenizer();
  transformer();
  vqgan();
  ruclip();
  real_esrgan();
  pipeline();
  return RESULT();
}
